"""The export's statements. Each function is one statement; transactions are the caller's."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from user_service.exports.tables import Export, ExportPart
from user_service.profiles.tables import User

Parts = dict[str, dict[str, Any]]
"""What services hold, by their names."""


async def add(session: AsyncSession, user_id: UUID, expires_at: datetime) -> Export:
    """The new export."""
    statement = insert(Export).values(id=uuid4(), user_id=user_id, expires_at=expires_at).returning(Export)
    return (await session.execute(statement)).scalar_one()


async def running(session: AsyncSession, user_id: UUID) -> Export | None:
    """The user's export that is still being collected."""
    statement = select(Export).where(
        Export.user_id == user_id, Export.completed_at.is_(None), Export.expires_at > func.now()
    )
    return (await session.execute(statement.order_by(Export.requested_at).limit(1))).scalar_one_or_none()


async def of_subject(
    session: AsyncSession, subject: str, export_id: UUID
) -> list[tuple[Export, str | None, dict[str, Any] | None]]:
    """The export of that id if it is the subject's own and not expired: a row for each part, or one without any."""
    statement = (
        select(Export, ExportPart.service, ExportPart.data)
        .join(User, User.id == Export.user_id)
        .outerjoin(ExportPart, ExportPart.export_id == Export.id)
        .where(Export.id == export_id, User.subject == subject, Export.expires_at > func.now())
    )
    return [(export, service, data) for export, service, data in await session.execute(statement)]


async def lock(session: AsyncSession, export_id: UUID) -> Export | None:
    """The export as it is now; it stays so until the transaction ends."""
    statement = select(Export).where(Export.id == export_id).with_for_update()
    return (await session.execute(statement)).scalar_one_or_none()


async def subject_of(session: AsyncSession, export: Export) -> str:
    """Whose data it is."""
    return (await session.execute(select(User.subject).where(User.id == export.user_id))).scalar_one()


async def add_part(session: AsyncSession, export_id: UUID, service: str, data: dict[str, Any]) -> None:
    """Keep what `service` holds; the first answer counts."""
    statement = insert(ExportPart).values(export_id=export_id, service=service, data=data)
    await session.execute(statement.on_conflict_do_nothing())


async def services(session: AsyncSession, export_id: UUID) -> set[str]:
    """The services that have answered."""
    statement = select(ExportPart.service).where(ExportPart.export_id == export_id)
    return set((await session.execute(statement)).scalars())


async def complete(session: AsyncSession, export_id: UUID, expires_at: datetime) -> None:
    """Everybody has answered: the document can be fetched until `expires_at`."""
    values = {"completed_at": func.now(), "expires_at": expires_at}
    await session.execute(update(Export).where(Export.id == export_id).values(values))


async def remove(session: AsyncSession, export_id: UUID) -> None:
    """Remove the export with its parts."""
    await session.execute(delete(Export).where(Export.id == export_id))
