"""The orders' statements; transactions are the caller's."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, bindparam, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from order_service.orders.lifecycle import UNPAID, State
from order_service.orders.pagination import Cursor
from order_service.orders.tables import SERIAL, HistoryEntry, Order, OrderLine


async def next_serial(session: AsyncSession) -> int:
    """A number that no other order gets."""
    serial: int = (await session.execute(select(SERIAL.next_value()))).scalar_one()
    return serial


async def add(
    session: AsyncSession, values: dict[str, Any], lines: Sequence[dict[str, Any]]
) -> tuple[Order, list[OrderLine]]:
    """The new order and its lines."""
    order = (await session.execute(insert(Order).values(values).returning(Order))).scalar_one()
    numbered = [{**line, "order_id": order.id, "position": n} for n, line in enumerate(lines, start=1)]
    await session.execute(insert(OrderLine).values(numbered))
    return order, await lines_of(session, order.id)


async def find(session: AsyncSession, order_id: UUID) -> Order | None:
    """The order of that id."""
    return (await session.execute(select(Order).where(Order.id == order_id))).scalar_one_or_none()


async def find_by_checkout(session: AsyncSession, cart_id: str, cart_version: int) -> Order | None:
    """The order that came of that version of a cart."""
    statement = select(Order).where(Order.cart_id == cart_id, Order.cart_version == cart_version)
    return (await session.execute(statement)).scalar_one_or_none()


async def lock(session: AsyncSession, order_id: UUID) -> Order | None:
    """The order, which nobody else changes until this transaction ends."""
    statement = (
        select(Order).where(Order.id == order_id).with_for_update().execution_options(populate_existing=True)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def lines_of(session: AsyncSession, order_id: UUID) -> list[OrderLine]:
    """The order's lines, in their order."""
    statement = select(OrderLine).where(OrderLine.order_id == order_id).order_by(OrderLine.position)
    return list((await session.execute(statement)).scalars())


async def change(session: AsyncSession, order_id: UUID, values: dict[str, Any]) -> Order:
    """The order after the change."""
    statement = (
        update(Order)
        .where(Order.id == order_id)
        .values(**values, updated_at=func.now())
        .returning(Order)
        .execution_options(populate_existing=True, synchronize_session=False)
    )
    return (await session.execute(statement)).scalar_one()


async def note(
    session: AsyncSession,
    order: Order,
    *,
    trigger: str,
    from_state: State | None,
    cause: str,
    detail: str | None,
) -> None:
    """Write the change that led to this version of `order` into its history."""
    await session.execute(
        insert(HistoryEntry).values(
            order_id=order.id,
            version=order.version,
            trigger=trigger,
            from_state=from_state,
            to_state=order.state,
            cause=cause,
            detail=detail,
        )
    )


async def history(session: AsyncSession, order_id: UUID) -> list[HistoryEntry]:
    """All changes of the order, the oldest first."""
    statement = select(HistoryEntry).where(HistoryEntry.order_id == order_id).order_by(HistoryEntry.version)
    return list((await session.execute(statement)).scalars())


def of_customer(subject: str) -> ColumnElement[bool]:
    """Orders of one customer."""
    return Order.customer_subject == subject


def with_number(number: str) -> ColumnElement[bool]:
    """The order of that number."""
    return Order.number == number


def with_email(email: str) -> ColumnElement[bool]:
    """Orders under that email address."""
    return func.lower(Order.customer_email) == email.lower()


def in_state(state: State) -> ColumnElement[bool]:
    """Orders in that state."""
    return Order.state == state


async def page(
    session: AsyncSession, conditions: Sequence[ColumnElement[bool]], limit: int, after: Cursor | None
) -> list[Order]:
    """`limit` orders that meet all conditions, the newest first; an index serves each condition."""
    statement = select(Order).where(*conditions)
    if after is not None:
        last = tuple_(
            bindparam(None, after.placed_at, type_=Order.placed_at.type),
            bindparam(None, after.id, type_=Order.id.type),
        )
        statement = statement.where(tuple_(Order.placed_at, Order.id) < last)
    # A literal: with a parameter the planner of a prepared statement would guess a tenth of the table.
    size = bindparam(None, limit, type_=Integer, literal_execute=True)
    statement = statement.order_by(Order.placed_at.desc(), Order.id.desc()).limit(size)
    return list((await session.execute(statement)).scalars())


async def stuck(session: AsyncSession, limit: int) -> list[UUID]:
    """Some orders that have expired or have waited too long for an answer."""
    statement = select(Order.id).where(or_(Order.tell_again_at < func.now(), Order.expires_at < func.now()))
    return list((await session.execute(statement.limit(limit))).scalars())


async def unpaid_of(session: AsyncSession, subject: str) -> list[UUID]:
    """The customer's orders that are not paid yet."""
    statement = select(Order.id).where(Order.customer_subject == subject, Order.state.in_(sorted(UNPAID)))
    return list((await session.execute(statement.order_by(Order.id))).scalars())


async def all_of(session: AsyncSession, subject: str) -> list[Order]:
    """All of the customer's orders, locked, the oldest first."""
    statement = select(Order).where(Order.customer_subject == subject).order_by(Order.placed_at, Order.id)
    return list((await session.execute(statement.with_for_update())).scalars())
