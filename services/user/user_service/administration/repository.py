"""The administrators' statements. Each function is one statement; transactions are the caller's."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Integer, Select, bindparam, insert, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from user_service.administration import search
from user_service.administration.schemas import Action
from user_service.administration.tables import AdminAction
from user_service.pagination import Cursor
from user_service.profiles.tables import User


def users_statement(
    limit: int,
    after: Cursor | None = None,
    words: Sequence[str] = (),
    subject: str | None = None,
    blocked: bool | None = None,
) -> Select[tuple[User]]:
    """The statement for `limit` users behind `after`, from new to old; an index serves it, with and without words."""
    statement = select(User)
    if words:
        # Found first, then sorted: the planner would rather walk all users in order, hoping for an early match.
        found = select(User.id).where(search.matches(list(words))).cte("found").prefix_with("MATERIALIZED")
        statement = statement.where(User.id.in_(select(found.c.id)))
    if subject is not None:
        statement = statement.where(User.subject == subject)
    if blocked is not None:
        statement = statement.where(User.blocked == blocked)
    return _page(statement, User.created_at, User.id, limit, after)


async def users(session: AsyncSession, statement: Select[tuple[User]]) -> list[User]:
    """The users that `statement` selects."""
    return list((await session.execute(statement)).scalars())


async def actions(
    session: AsyncSession, limit: int, after: Cursor | None, user_id: UUID | None
) -> list[AdminAction]:
    """So many actions behind `after`, from new to old."""
    statement = select(AdminAction)
    if user_id is not None:
        statement = statement.where(AdminAction.user_id == user_id)
    statement = _page(statement, AdminAction.at, AdminAction.id, limit, after)
    return list((await session.execute(statement)).scalars())


async def note(session: AsyncSession, admin: str, action: Action, user_id: UUID, reason: str | None) -> None:
    """Write down what `admin` did to a user."""
    values = {"id": uuid4(), "admin": admin, "action": action.value, "user_id": user_id, "reason": reason}
    await session.execute(insert(AdminAction).values(values))


async def forget_reasons(session: AsyncSession, user_id: UUID) -> None:
    """Remove from the audit what may tell something about a user."""
    await session.execute(update(AdminAction).where(AdminAction.user_id == user_id).values(reason=None))


def _page(
    statement: Select[Any],
    at: InstrumentedAttribute[Any],
    key: InstrumentedAttribute[UUID],
    limit: int,
    after: Cursor | None,
) -> Select[Any]:
    if after is not None:
        last = tuple_(literal(after.at, at.type), literal(after.id, key.type))
        statement = statement.where(tuple_(at, key) < last)
    # A literal: with a parameter the planner of a prepared statement would guess a tenth of the table.
    size = bindparam(None, limit, type_=Integer, literal_execute=True)
    return statement.order_by(at.desc(), key.desc()).limit(size)
