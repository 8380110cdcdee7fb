"""The catalogue's statements. Each function is one statement; transactions are the caller's."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from product_service.catalogue import search
from product_service.catalogue.pagination import Cursor
from product_service.catalogue.schemas import Sort, Status
from product_service.catalogue.tables import Category, Product, RemovedProduct

_ORDERS: dict[Sort, tuple[InstrumentedAttribute[Any], bool]] = {
    Sort.NEWEST: (Product.created_at, True),
    Sort.PRICE_ASC: (Product.price_amount, False),
    Sort.PRICE_DESC: (Product.price_amount, True),
    Sort.NAME: (Product.name, False),
}
"""Sort order → column and whether it runs downwards."""


def sort_key(product: Product, sort: Sort) -> Any:
    """The value by which `product` is ordered."""
    return getattr(product, _ORDERS[sort][0].key)


def page_statement(
    sort: Sort,
    limit: int,
    after: Cursor | None = None,
    category: str | None = None,
    words: Sequence[str] = (),
    *,
    status: Status = Status.ACTIVE,
    price_min: int | None = None,
    price_max: int | None = None,
    in_stock: bool = False,
) -> Select[tuple[Product]]:
    """The statement for `limit` products behind `after`; an index serves every order, with and without category."""
    column, descending = _ORDERS[sort]
    key: tuple[ColumnElement[Any], ...] = (column, Product.id)  # type: ignore[assignment]
    statement = select(Product)
    if status is not Status.ALL:
        statement = statement.where(Product.active if status is Status.ACTIVE else ~Product.active)
    if category is not None:
        statement = statement.where(Product.category == category)
    if price_min is not None:
        statement = statement.where(Product.price_amount >= price_min)
    if price_max is not None:
        statement = statement.where(Product.price_amount <= price_max)
    if in_stock:
        statement = statement.where(Product.stock > Product.reserved)
    if words:
        statement = statement.where(search.matches(list(words)))
    if after is not None:
        last = tuple_(
            *(
                bindparam(None, value, type_=part.type)
                for part, value in zip(key, (after.key, after.id), strict=True)
            )
        )
        here = tuple_(*key)
        statement = statement.where(here < last if descending else here > last)
    # A literal: with a parameter the planner of a prepared statement would guess a tenth of the table.
    size = bindparam(None, limit, type_=Integer, literal_execute=True)
    return statement.order_by(*(part.desc() if descending else part.asc() for part in key)).limit(size)


async def find(session: AsyncSession, product_id: UUID) -> Product | None:
    """The product of that id."""
    return (await session.execute(select(Product).where(Product.id == product_id))).scalar_one_or_none()


async def lock(session: AsyncSession, product_id: UUID) -> Product | None:
    """The product of that id, which nobody else changes until the transaction ends."""
    statement = select(Product).where(Product.id == product_id).with_for_update()
    return (await session.execute(statement)).scalar_one_or_none()


async def family(session: AsyncSession, product_id: UUID) -> list[Product]:
    """The product of that id, if it is there, and the others of its group that are for sale, by SKU."""
    itself = aliased(Product)
    group = select(itself.variant_group).where(itself.id == product_id).scalar_subquery()
    sibling = and_(Product.variant_group == group, Product.active)
    statement = select(Product).where(or_(Product.id == product_id, sibling)).order_by(Product.sku)
    return list((await session.execute(statement)).scalars())


async def batch(session: AsyncSession, after: UUID | None, limit: int) -> list[tuple[Product, str]]:
    """`limit` products behind the id `after`, by id, archived ones included; each with its category's name."""
    statement = select(Product, Category.name).join(Category, Category.slug == Product.category)
    if after is not None:
        statement = statement.where(Product.id > after)
    rows = await session.execute(statement.order_by(Product.id).limit(limit))
    return [(product, name) for product, name in rows]


async def find_with_category(session: AsyncSession, product_id: UUID) -> tuple[Product, str] | None:
    """The product of that id and its category's name."""
    statement = select(Product, Category.name).join(Category, Category.slug == Product.category)
    row = (await session.execute(statement.where(Product.id == product_id))).one_or_none()
    return None if row is None else (row[0], row[1])


async def variant_ids(session: AsyncSession, product_id: UUID) -> list[UUID]:
    """The ids of all products of the product's group; none when it has no group."""
    itself = aliased(Product)
    group = select(itself.variant_group).where(itself.id == product_id).scalar_subquery()
    return list((await session.execute(select(Product.id).where(Product.variant_group == group))).scalars())


async def removed_revision(session: AsyncSession, product_id: UUID) -> int | None:
    """The revision at which the product was removed; None when it was not."""
    statement = select(RemovedProduct.revision).where(RemovedProduct.id == product_id)
    return (await session.execute(statement)).scalar_one_or_none()


async def removed_batch(session: AsyncSession, after: UUID | None, limit: int) -> list[RemovedProduct]:
    """`limit` removed products behind the id `after`, by id."""
    statement = select(RemovedProduct).order_by(RemovedProduct.id).limit(limit)
    if after is not None:
        statement = statement.where(RemovedProduct.id > after)
    return list((await session.execute(statement)).scalars())


async def page(session: AsyncSession, statement: Select[tuple[Product]]) -> list[Product]:
    """The products that `statement` selects."""
    return list((await session.execute(statement)).scalars())


async def add(session: AsyncSession, values: dict[str, Any]) -> Product | None:
    """The new product; None when its SKU is taken."""
    statement = insert(Product).values(values).on_conflict_do_nothing(index_elements=[Product.sku])
    return (await session.execute(statement.returning(Product))).scalar_one_or_none()


async def change(session: AsyncSession, product_id: UUID, values: dict[str, Any]) -> Product:
    """A locked product after the change."""
    statement = (
        update(Product)
        .where(Product.id == product_id)
        .values(**values, version=Product.version + 1, updated_at=func.now())
        .returning(Product)
    )
    changed = await session.execute(statement, execution_options={"populate_existing": True})
    return changed.scalar_one()


async def set_version(session: AsyncSession, product_id: UUID, version: int) -> Product:
    """The product at that version."""
    statement = update(Product).where(Product.id == product_id).values(version=version).returning(Product)
    changed = await session.execute(statement, execution_options={"populate_existing": True})
    return changed.scalar_one()


async def remove(session: AsyncSession, product: Product) -> None:
    """Remove a locked product, and keep what has to be remembered of it."""
    await session.execute(delete(Product).where(Product.id == product.id))
    values = {"sku": product.sku, "revision": product.revision + 1, "removed_at": func.now()}
    statement = insert(RemovedProduct).values(id=product.id, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=[RemovedProduct.id], set_=values))
