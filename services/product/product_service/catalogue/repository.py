"""The catalogue's statements. Each function is one statement; transactions are the caller's."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, bindparam, delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from product_service.catalogue import search
from product_service.catalogue.pagination import Cursor
from product_service.catalogue.schemas import Sort
from product_service.catalogue.tables import Category, Product

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
) -> Select[tuple[Product]]:
    """The statement for `limit` products behind `after`; an index serves every order, with and without category."""
    column, descending = _ORDERS[sort]
    key: tuple[ColumnElement[Any], ...] = (column, Product.id)  # type: ignore[assignment]
    statement = select(Product)
    if category is not None:
        statement = statement.where(Product.category == category)
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


async def page(session: AsyncSession, statement: Select[tuple[Product]]) -> list[Product]:
    """The products that `statement` selects."""
    return list((await session.execute(statement)).scalars())


async def categories(session: AsyncSession) -> list[tuple[str, str, int]]:
    """(slug, name, number of products) of every category that has any, by name."""
    counted = (
        select(Product.category, func.count().label("number")).group_by(Product.category).subquery("counted")
    )
    statement = (
        select(Category.slug, Category.name, counted.c.number)
        .join(counted, counted.c.category == Category.slug)
        .order_by(Category.name, Category.slug)
    )
    return [(slug, name, number) for slug, name, number in await session.execute(statement)]


async def ensure_category(session: AsyncSession, slug: str, name: str) -> None:
    """Add the category unless it is there; its name stays as it is."""
    await session.execute(insert(Category).values(slug=slug, name=name).on_conflict_do_nothing())


async def add(session: AsyncSession, values: dict[str, Any]) -> Product | None:
    """The new product; None when its SKU is taken."""
    statement = insert(Product).values(values).on_conflict_do_nothing(index_elements=[Product.sku])
    return (await session.execute(statement.returning(Product))).scalar_one_or_none()


async def change(
    session: AsyncSession, product_id: UUID, values: dict[str, Any], expected_version: int | None
) -> Product | None:
    """The product after the change; None when there is none of that id and (if given) version."""
    statement = update(Product).where(Product.id == product_id)
    if expected_version is not None:
        statement = statement.where(Product.version == expected_version)
    statement = statement.values(**values, version=Product.version + 1, updated_at=func.now())
    return (await session.execute(statement.returning(Product))).scalar_one_or_none()


async def remove(session: AsyncSession, product_id: UUID, expected_version: int | None) -> bool:
    """Whether a product of that id and (if given) version was there and is now removed."""
    statement = delete(Product).where(Product.id == product_id)
    if expected_version is not None:
        statement = statement.where(Product.version == expected_version)
    return (await session.execute(statement.returning(Product.id))).scalar_one_or_none() is not None
