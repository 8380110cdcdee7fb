"""The inventory's statements. Each function is one statement; transactions are the caller's.

What changes amounts is one conditional UPDATE each: PostgreSQL evaluates its condition on the newest committed row, so
no two transactions can take the same piece.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from product_service.catalogue.tables import Product
from product_service.inventory.tables import Reservation, ReservationLine, State

_AVAILABLE = Product.stock - Product.reserved


async def reserve(session: AsyncSession, product_id: UUID, sku: str, quantity: int) -> Product | None:
    """The product after `quantity` of it was put aside; None when it is not for sale or there are fewer."""
    return await _move(
        session,
        (Product.id == product_id, Product.sku == sku, Product.active, quantity <= _AVAILABLE),
        reserved=Product.reserved + quantity,
    )


async def release(session: AsyncSession, product_id: UUID, quantity: int) -> Product | None:
    """The product after `quantity` that was put aside can be ordered again; None when it is gone."""
    return await _move(session, (Product.id == product_id,), reserved=Product.reserved - quantity)


async def commit(session: AsyncSession, product_id: UUID, quantity: int) -> Product | None:
    """The product after `quantity` that was put aside has left the stock; None when it is gone."""
    return await _move(
        session,
        (Product.id == product_id,),
        stock=Product.stock - quantity,
        reserved=Product.reserved - quantity,
    )


async def take(session: AsyncSession, product_id: UUID, quantity: int) -> Product | None:
    """The product after `quantity` that was not put aside has left the stock; None when there are fewer."""
    return await _move(
        session, (Product.id == product_id, quantity <= _AVAILABLE), stock=Product.stock - quantity
    )


async def give_back(session: AsyncSession, product_id: UUID, quantity: int) -> Product | None:
    """The product after `quantity` that had left the stock is in it again; None when it is gone."""
    return await _move(session, (Product.id == product_id,), stock=Product.stock + quantity)


async def adjust(session: AsyncSession, sku: str, change: int, most: int) -> Product | None:
    """The product after its stock was changed; None when it is unknown, or below the reserved or above `most` then."""
    after = Product.stock + change
    return await _move(session, (Product.sku == sku, after >= Product.reserved, after <= most), stock=after)


async def _move(session: AsyncSession, conditions: tuple[Any, ...], **values: Any) -> Product | None:
    statement = (
        update(Product)
        .where(*conditions)
        .values(**values, stock_version=Product.stock_version + 1)
        .returning(Product)
    )
    moved = await session.execute(statement, execution_options={"populate_existing": True})
    return moved.scalar_one_or_none()


async def find(session: AsyncSession, sku: str) -> Product | None:
    """The product of that SKU, as it is now."""
    statement = select(Product).where(Product.sku == sku).execution_options(populate_existing=True)
    return (await session.execute(statement)).scalar_one_or_none()


async def page(
    session: AsyncSession, after: str | None, available_at_most: int | None, limit: int
) -> list[Product]:
    """`limit` products behind the SKU `after`, by SKU."""
    statement = select(Product).order_by(Product.sku).limit(limit)
    if after is not None:
        statement = statement.where(Product.sku > after)
    if available_at_most is not None:
        statement = statement.where(available_at_most >= _AVAILABLE)
    return list((await session.execute(statement)).scalars())


async def was_ordered(session: AsyncSession, product_id: UUID) -> bool:
    """Whether any order has ever reserved the product."""
    statement = select(exists().where(ReservationLine.product_id == product_id))
    return bool((await session.execute(statement)).scalar_one())


async def open_reservation(
    session: AsyncSession, order_id: UUID, state: State, expires_at: datetime | None = None
) -> bool:
    """Whether the order had no reservation and has one now.

    Of several transactions with one order the first proceeds, the others wait here until it ends.
    """
    statement = insert(Reservation).values(order_id=order_id, state=state, expires_at=expires_at)
    opened = await session.execute(statement.on_conflict_do_nothing().returning(Reservation.order_id))
    return opened.scalar_one_or_none() is not None


async def lock_reservation(session: AsyncSession, order_id: UUID) -> Reservation:
    """The order's reservation, which nobody else changes until the transaction ends."""
    statement = select(Reservation).where(Reservation.order_id == order_id).with_for_update()
    return (await session.execute(statement)).scalar_one()


async def lock_expired(session: AsyncSession) -> Reservation | None:
    """One reservation that holds something beyond its time; None when nobody else leaves one."""
    statement = (
        select(Reservation)
        .where(Reservation.state == State.RESERVED, Reservation.expires_at < func.now())
        .order_by(Reservation.expires_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def set_state(
    session: AsyncSession, order_id: UUID, state: State, rejection: dict[str, Any] | None = None
) -> None:
    """Note what has become of a locked reservation."""
    statement = update(Reservation).where(Reservation.order_id == order_id)
    values: dict[str, Any] = {"state": state, "version": Reservation.version + 1, "changed_at": func.now()}
    if rejection is not None:
        values["rejection"] = rejection
    await session.execute(statement.values(values))


async def add_line(session: AsyncSession, order_id: UUID, sku: str, product_id: UUID, quantity: int) -> None:
    """Note how many of a product an order holds."""
    values = {"order_id": order_id, "sku": sku, "product_id": product_id, "quantity": quantity}
    await session.execute(insert(ReservationLine).values(values))


async def lines(session: AsyncSession, order_id: UUID) -> list[ReservationLine]:
    """What an order holds or held, in the order in which products are always locked."""
    statement = (
        select(ReservationLine)
        .where(ReservationLine.order_id == order_id)
        .order_by(ReservationLine.sku.collate("C"))
    )
    return list((await session.execute(statement)).scalars())
