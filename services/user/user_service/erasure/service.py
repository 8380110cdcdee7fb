"""What erasing a person takes. Each function works in the transaction of the session it is given."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import tasks
from storefront_common.events import UserErasureRequested
from storefront_common.identity import Identity
from storefront_common.messaging import outbox
from storefront_common.problems import Problem

from user_service import others, pagination
from user_service.administration import repository as audit
from user_service.administration.schemas import Action
from user_service.administration.service import not_found
from user_service.erasure import repository
from user_service.erasure.schemas import ErasurePage, ErasureQuery, ErasureStatus, ErasureView
from user_service.erasure.tables import Erasure
from user_service.erasure.tombstones import subject_hash
from user_service.pagination import Cursor
from user_service.profiles import repository as profiles
from user_service.profiles.service import blocked

REMIND = "erasure.remind"
"""The task that asks again."""

REMIND_AFTER = timedelta(hours=1)
"""How long services may take before they are asked again."""


def view(erasure: Erasure, answers: set[str]) -> ErasureView:
    """`erasure` as people see it."""
    return ErasureView(
        id=erasure.id,
        status=ErasureStatus.ERASING if erasure.completed_at is None else ErasureStatus.ERASED,
        outstanding=[service for service in others.SERVICES if service not in answers],
        requested_at=erasure.requested_at,
        completed_at=erasure.completed_at,
    )


async def erase_own(session: AsyncSession, identity: Identity) -> ErasureView:
    """Erase the caller; the erasure as it is now when it was asked for before.

    Raises:
        Problem: the caller is blocked (403).
    """
    user = await profiles.find_by_subject(session, identity.subject)
    if user is not None and user.blocked:
        raise blocked()
    return await _erase(session, identity.subject)


async def erase_user(session: AsyncSession, admin: Identity, user_id: UUID) -> ErasureView:
    """Erase a user, as an administrator, who is noted; the erasure as it is now when it was asked for before.

    Raises:
        Problem: there is no such user (404).
    """
    user = await profiles.find(session, user_id)
    if user is None:
        found = await repository.find_where(session, Erasure.user_id == user_id)
        if found is None:
            raise not_found(user_id)
        return view(*found)
    erasure = await _erase(session, user.subject)
    await audit.note(session, admin.subject, Action.ERASE, user_id, None)
    return erasure


async def find_own(session: AsyncSession, identity: Identity) -> ErasureView:
    """The caller's erasure, or a 404. One statement."""
    found = await repository.find_where(session, Erasure.subject_hash == subject_hash(identity.subject))
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, "This account was not erased.")
    return view(*found)


async def find(session: AsyncSession, erasure_id: UUID) -> ErasureView:
    """The erasure of that id, or a 404. One statement."""
    found = await repository.find_where(session, Erasure.id == erasure_id)
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"There is no erasure {erasure_id}.")
    return view(*found)


async def list_erasures(session: AsyncSession, query: ErasureQuery) -> ErasurePage:
    """One page of the erasures. One statement."""
    found = await repository.page(session, query.limit + 1, pagination.decode(query.after))
    shown = found[: query.limit]
    cursor = None
    if len(found) > query.limit:
        last = shown[-1][0]
        cursor = pagination.encode(Cursor(last.requested_at, last.id))
    return ErasurePage(items=[view(*row) for row in shown], next_cursor=cursor)


async def note_answer(session: AsyncSession, erasure_id: UUID, service: str) -> None:
    """A service is done; the last one completes the erasure."""
    # Of two that are the last at the same time, the second waits here and then sees the first.
    erasure = await repository.lock(session, erasure_id)
    if erasure is None or erasure.subject is None or service not in others.SERVICES:
        return
    await repository.add_answer(session, erasure_id, service)
    if await repository.answers(session, erasure_id) >= set(others.SERVICES):
        await repository.remove_events(session, erasure.subject)
        await repository.complete(session, erasure_id)


async def ask_again(session: AsyncSession, erasure_id: UUID) -> bool:
    """Ask all services again unless all have answered; whether they have not."""
    erasure = await repository.lock(session, erasure_id)
    if erasure is None or erasure.subject is None:
        return False
    await _ask(session, erasure.id, erasure.subject)
    return True


async def _erase(session: AsyncSession, subject: str) -> ErasureView:
    # A first request of the same person waits until this is over, and then finds the tombstone.
    await profiles.lock_subject(session, subject)
    earlier = await repository.find_where(session, Erasure.subject_hash == subject_hash(subject))
    if earlier is not None:
        return view(*earlier)
    user_id = await repository.remove_user(session, subject)
    await repository.remove_events(session, subject)
    if user_id is not None:
        await audit.forget_reasons(session, user_id)
    erasure = await repository.add(
        session, {"subject_hash": subject_hash(subject), "subject": subject, "user_id": user_id}
    )
    await _ask(session, erasure.id, subject)
    await tasks.enqueue(session, REMIND, str(erasure.id), {}, datetime.now(UTC) + REMIND_AFTER)
    return view(erasure, set())


async def _ask(session: AsyncSession, erasure_id: UUID, subject: str) -> None:
    requested = UserErasureRequested(request_id=erasure_id, subject=subject)
    await outbox.add(session, requested, subject=subject, version=1)
