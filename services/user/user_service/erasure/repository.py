"""The erasure's statements. Each function is one statement; transactions are the caller's."""

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Integer, bindparam, delete, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.messaging import shared_tables

from user_service.erasure.tables import Erasure, ErasureAnswer
from user_service.pagination import Cursor
from user_service.profiles.tables import User

Row = tuple[Erasure, set[str]]
"""An erasure, and the services that are done."""

_ANSWERS = (
    select(func.array_agg(ErasureAnswer.service))
    .where(ErasureAnswer.erasure_id == Erasure.id)
    .correlate(Erasure)
    .scalar_subquery()
)


async def find_where(session: AsyncSession, condition: ColumnElement[bool]) -> Row | None:
    """The erasure that `condition` selects."""
    found = (await session.execute(select(Erasure, _ANSWERS).where(condition))).one_or_none()
    return None if found is None else (found[0], set(found[1] or ()))


async def page(session: AsyncSession, limit: int, after: Cursor | None) -> list[Row]:
    """So many erasures behind `after`, from new to old."""
    statement = select(Erasure, _ANSWERS)
    key = tuple_(Erasure.requested_at, Erasure.id)
    if after is not None:
        last = tuple_(literal(after.at, Erasure.requested_at.type), literal(after.id, Erasure.id.type))
        statement = statement.where(key < last)
    # A literal: with a parameter the planner of a prepared statement would guess a tenth of the table.
    size = bindparam(None, limit, type_=Integer, literal_execute=True)
    statement = statement.order_by(Erasure.requested_at.desc(), Erasure.id.desc()).limit(size)
    return [(erasure, set(answers or ())) for erasure, answers in await session.execute(statement)]


async def lock(session: AsyncSession, erasure_id: UUID) -> Erasure | None:
    """The erasure as it is now; it stays so until the transaction ends."""
    statement = select(Erasure).where(Erasure.id == erasure_id).with_for_update()
    return (await session.execute(statement)).scalar_one_or_none()


async def add(session: AsyncSession, values: dict[str, Any]) -> Erasure:
    """The new erasure."""
    statement = insert(Erasure).values(id=uuid4(), **values).returning(Erasure)
    return (await session.execute(statement)).scalar_one()


async def add_answer(session: AsyncSession, erasure_id: UUID, service: str) -> None:
    """Note that `service` is done; once is enough."""
    statement = insert(ErasureAnswer).values(erasure_id=erasure_id, service=service)
    await session.execute(statement.on_conflict_do_nothing())


async def answers(session: AsyncSession, erasure_id: UUID) -> set[str]:
    """The services that are done."""
    statement = select(ErasureAnswer.service).where(ErasureAnswer.erasure_id == erasure_id)
    return set((await session.execute(statement)).scalars())


async def complete(session: AsyncSession, erasure_id: UUID) -> None:
    """Everybody is done: nobody has to be told any more whom to forget."""
    values = {"completed_at": func.now(), "subject": None}
    await session.execute(update(Erasure).where(Erasure.id == erasure_id).values(values))


async def remove_user(session: AsyncSession, subject: str) -> UUID | None:
    """Remove the profile with its addresses and exports; the id it had, None when there was none."""
    statement = delete(User).where(User.subject == subject).returning(User.id)
    return (await session.execute(statement)).scalar_one_or_none()


async def remove_events(session: AsyncSession, subject: str) -> None:
    """Remove the events about the person, those that wait and those that are kept for a day."""
    outbox = shared_tables.outbox
    await session.execute(delete(outbox).where(outbox.c.subject == subject))
