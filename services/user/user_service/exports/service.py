"""What handing out a copy of somebody's data takes. Each function works in the transaction of its session."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import idempotency, tasks
from storefront_common.events import UserExportRequested
from storefront_common.identity import Identity
from storefront_common.messaging import outbox
from storefront_common.problems import Problem

from user_service import others
from user_service.addresses import repository as address_repository
from user_service.addresses import service as addresses
from user_service.administration import repository as administration
from user_service.exports import repository
from user_service.exports.schemas import ExportDocument, ExportStatus, ExportView
from user_service.exports.tables import Export
from user_service.profiles import service as profiles
from user_service.profiles.tables import User

OWN = "user"
"""This service's part of the document."""

TEND = "export.tend"
"""The task that asks again, and removes what has expired."""

REMIND_AFTER = timedelta(hours=1)
"""How long services may take before they are asked again."""

SHORTEST_PAUSE = timedelta(seconds=1)

KEPT = timedelta(days=7)
"""How long services may take at all, and how long the document can be fetched then."""


def view(export: Export, parts: repository.Parts, subject: str) -> ExportView:
    """`export` as its owner sees it."""
    document = None
    if export.completed_at is not None:
        document = ExportDocument(
            subject=subject,
            requested_at=export.requested_at,
            completed_at=export.completed_at,
            services=parts,
        )
    return ExportView(
        id=export.id,
        status=ExportStatus.COLLECTING if document is None else ExportStatus.COMPLETE,
        outstanding=[service for service in others.SERVICES if service not in parts],
        requested_at=export.requested_at,
        expires_at=export.expires_at,
        document=document,
    )


async def request(session: AsyncSession, identity: Identity, key: str | None) -> tuple[ExportView, bool]:
    """A new export and whether it is the answer to a repeated request; a running one is answered with instead.

    Raises:
        InvalidInputError: `key` was used for something else.
        Problem: the person was erased (410); the export that `key` requested is no more (404).
    """
    user = await profiles.own(session, identity)
    if key is not None:
        earlier = await idempotency.claim(session, key, "request export", scope=identity.subject)
        if earlier is not None:
            return await find(session, identity, UUID(earlier)), True
    export = await repository.running(session, user.id)
    if export is None:
        export = await repository.add(session, user.id, datetime.now(UTC) + KEPT)
        await repository.add_part(session, export.id, OWN, await _own_data(session, user))
        await _ask(session, export.id, identity.subject)
        await tasks.enqueue(session, TEND, str(export.id), {}, datetime.now(UTC) + REMIND_AFTER)
    if key is not None:
        await idempotency.record(session, key, str(export.id), scope=identity.subject)
    return await find(session, identity, export.id), False


async def find(session: AsyncSession, identity: Identity, export_id: UUID) -> ExportView:
    """The caller's export of that id, or a 404 also when it has expired. One statement."""
    rows = await repository.of_subject(session, identity.subject, export_id)
    if not rows:
        raise Problem(
            HTTPStatus.NOT_FOUND, f"There is no export {export_id}. It may have expired: request another."
        )
    parts = {service: data for _, service, data in rows if service is not None and data is not None}
    return view(rows[0][0], parts, identity.subject)


async def note_answer(session: AsyncSession, export_id: UUID, service: str, data: dict[str, Any]) -> None:
    """Keep what a service holds; the last answer completes the export.

    An answer to an export that is complete, expired or of somebody who was erased meanwhile is not kept.
    """
    # Of two that are the last at the same time, the second waits here and then sees the first.
    export = await repository.lock(session, export_id)
    if export is None or export.completed_at is not None or service not in others.SERVICES:
        return
    await repository.add_part(session, export_id, service, data)
    if await repository.services(session, export_id) >= {OWN, *others.SERVICES}:
        await repository.complete(session, export_id, datetime.now(UTC) + KEPT)


async def tend(session: AsyncSession, export_id: UUID) -> datetime | None:
    """Ask again for what is outstanding, or remove what has expired; when to come back, None: never."""
    export = await repository.lock(session, export_id)
    if export is None:
        return None
    now = datetime.now(UTC)
    if export.expires_at <= now:
        await repository.remove(session, export_id)
        return None
    if export.completed_at is not None:
        return export.expires_at
    await _ask(session, export_id, await repository.subject_of(session, export))
    return min(now + REMIND_AFTER, export.expires_at)


async def _ask(session: AsyncSession, export_id: UUID, subject: str) -> None:
    requested = UserExportRequested(request_id=export_id, subject=subject)
    await outbox.add(session, requested, subject=subject, version=1)


async def _own_data(session: AsyncSession, user: User) -> dict[str, Any]:
    present = await address_repository.of_user(session, user.id)
    actions = await administration.actions(session, 1000, None, user.id)
    return {
        "profile": profiles.view(user).model_dump(mode="json", by_alias=True),
        "addresses": [addresses.view(each).model_dump(mode="json", by_alias=True) for each in present],
        "blocks": [
            {"at": each.at.isoformat(), "action": each.action, "reason": each.reason} for each in actions
        ],
    }
