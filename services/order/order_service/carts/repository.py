"""The carts' statements; transactions are the caller's."""

from collections.abc import Sequence
from datetime import timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import ColumnElement, Table, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from order_service.carts.schemas import MAX_QUANTITY, CartContent, LineContent
from order_service.carts.tables import Cart, CartLine
from order_service.products.product import COLUMNS, Product, from_columns
from order_service.products.tables import ProductCopy

_SWEPT_AT_ONCE = 500

_CARTS, _CART_LINES = cast(Table, Cart.__table__), cast(Table, CartLine.__table__)

# Composed once: to compose one takes as long as to send it.
_LINES = (
    select(Cart.id, Cart.version, CartLine.product_id, CartLine.quantity, CartLine.seen_price_amount)
    .join(CartLine, CartLine.cart_id == Cart.id, isouter=True)
    .order_by(CartLine.added_at, CartLine.product_id)
)
_LINES_WITH_PRODUCTS = _LINES.add_columns(*COLUMNS).join(
    ProductCopy, ProductCopy.id == CartLine.product_id, isouter=True
)
_NEW_CART = insert(_CARTS).values(id=bindparam("new_id"), owner=bindparam("subject"))
_CHANGE = {"version": Cart.version + 1, "touched_at": func.now()}
_TOUCH_OR_CREATE = _NEW_CART.on_conflict_do_update(index_elements=[Cart.owner], set_=_CHANGE).returning(
    Cart.id
)
_TOUCH_UNCHANGED_OR_CREATE = _NEW_CART.on_conflict_do_update(
    index_elements=[Cart.owner], set_=_CHANGE, where=Cart.version == bindparam("expected")
).returning(Cart.id)
_NEW_LINE = insert(_CART_LINES).from_select(
    [CartLine.cart_id, CartLine.product_id, CartLine.quantity, CartLine.seen_price_amount],
    select(
        bindparam("cart", type_=CartLine.cart_id.type),
        ProductCopy.id,
        bindparam("number", type_=CartLine.quantity.type),
        ProductCopy.price_amount,
    ).where(ProductCopy.id == bindparam("product"), ProductCopy.active),
)
_PUT_LINE = _NEW_LINE.on_conflict_do_update(
    index_elements=[CartLine.cart_id, CartLine.product_id],
    set_={
        "quantity": _NEW_LINE.excluded.quantity,
        "seen_price_amount": _NEW_LINE.excluded.seen_price_amount,
    },
).returning(CartLine.product_id)


def anonymous(cart_id: str) -> ColumnElement[bool]:
    """The cart of that id, if nobody owns it."""
    return (Cart.id == cart_id) & Cart.owner.is_(None)


def owned_by(subject: str) -> ColumnElement[bool]:
    """The customer's cart."""
    return Cart.owner == subject


async def find(session: AsyncSession, which: ColumnElement[bool]) -> CartContent | None:
    """The cart with its lines, read by one statement."""
    rows = (await session.execute(_LINES.where(which))).all()
    if not rows:
        return None
    lines = [
        LineContent(product_id=row.product_id, quantity=row.quantity, seen_price=row.seen_price_amount)
        for row in rows
        if row.product_id is not None
    ]
    return CartContent(id=rows[0].id, version=rows[0].version, lines=lines)


async def find_with_products(
    session: AsyncSession, which: ColumnElement[bool]
) -> tuple[CartContent, dict[UUID, Product]] | None:
    """The cart with its lines and what is known of their products, read by one statement."""
    rows = (await session.execute(_LINES_WITH_PRODUCTS.where(which))).all()
    if not rows:
        return None
    lines, products = [], {}
    for _, _, product_id, quantity, seen_price, *product in rows:
        if product_id is None:
            continue
        lines.append(LineContent(product_id=product_id, quantity=quantity, seen_price=seen_price))
        if product[0] is not None:
            products[product_id] = from_columns(product)
    return CartContent(id=rows[0][0], version=rows[0][1], lines=lines), products


async def lock(session: AsyncSession, which: ColumnElement[bool]) -> CartContent | None:
    """The cart, which nobody else changes until this transaction ends."""
    locked = await session.execute(select(Cart.id).where(which).with_for_update())
    if locked.scalar_one_or_none() is None:
        return None
    return await find(session, which)


async def add(session: AsyncSession, cart_id: str) -> None:
    """A new, empty cart that nobody owns."""
    await session.execute(insert(Cart).values(id=cart_id))


async def touch(
    session: AsyncSession, which: ColumnElement[bool], expected_version: int | None
) -> str | None:
    """Lock the cart for a change and raise its version; its id, or None when there is none of that version."""
    statement = update(Cart).where(which).values(_CHANGE)
    if expected_version is not None:
        statement = statement.where(Cart.version == expected_version)
    return (await session.execute(statement.returning(Cart.id))).scalar_one_or_none()


async def touch_or_create(
    session: AsyncSession, subject: str, new_id: str, expected_version: int | None = None
) -> str | None:
    """`touch` for a customer, who gets a cart, `new_id`, if there was none."""
    values: dict[str, str | int] = {"new_id": new_id, "subject": subject}
    statement = _TOUCH_OR_CREATE
    if expected_version is not None:
        statement, values["expected"] = _TOUCH_UNCHANGED_OR_CREATE, expected_version
    return (await session.execute(statement, values)).scalar_one_or_none()


async def put_line(session: AsyncSession, cart_id: str, product_id: UUID, quantity: int) -> bool:
    """Whether the product is for sale; if so the cart holds `quantity` of it, at its present price."""
    values = {"cart": cart_id, "product": product_id, "number": quantity}
    return (await session.execute(_PUT_LINE, values)).scalar_one_or_none() is not None


async def add_lines(session: AsyncSession, cart_id: str, lines: Sequence[LineContent]) -> None:
    """The cart holds these as well; quantities of a product add up, to the most that a cart may hold."""
    if not lines:
        return
    statement = insert(CartLine).values(
        [
            {
                "cart_id": cart_id,
                "product_id": line.product_id,
                "quantity": line.quantity,
                "seen_price_amount": line.seen_price,
            }
            for line in lines
        ]
    )
    statement = statement.on_conflict_do_update(
        index_elements=[CartLine.cart_id, CartLine.product_id],
        set_={
            "quantity": func.least(MAX_QUANTITY, CartLine.quantity + statement.excluded.quantity),
            "seen_price_amount": statement.excluded.seen_price_amount,
        },
    )
    await session.execute(statement)


async def remove_line(session: AsyncSession, cart_id: str, product_id: UUID) -> bool:
    """Whether the product was in the cart; it is not any more."""
    statement = delete(CartLine).where(CartLine.cart_id == cart_id, CartLine.product_id == product_id)
    return (await session.execute(statement.returning(CartLine.product_id))).scalar_one_or_none() is not None


async def empty(session: AsyncSession, cart_id: str) -> None:
    """Remove all lines."""
    await session.execute(delete(CartLine).where(CartLine.cart_id == cart_id))


async def remove(session: AsyncSession, which: ColumnElement[bool]) -> None:
    """Remove the cart."""
    await session.execute(delete(Cart).where(which))


async def remove_abandoned(session: AsyncSession, after: timedelta) -> int:
    """Remove some carts without owner that nobody has changed for `after`; how many."""
    old = (
        select(Cart.id)
        .where(Cart.owner.is_(None), Cart.touched_at < func.now() - after)
        .limit(_SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    removed = await session.execute(delete(Cart).where(Cart.id.in_(old.scalar_subquery())).returning(Cart.id))
    return len(removed.all())
