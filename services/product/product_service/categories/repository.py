"""The statements of categories. Each function is one statement; transactions are the caller's."""

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from product_service.catalogue.tables import Category, Product


async def counted(session: AsyncSession, *, empty: bool) -> list[tuple[str, str, int]]:
    """(slug, name, number of listed products) by name; without those that have none unless `empty`."""
    numbers = (
        select(Product.category, func.count().label("number"))
        .where(Product.active)
        .group_by(Product.category)
        .subquery("numbers")
    )
    statement = (
        select(Category.slug, Category.name, func.coalesce(numbers.c.number, 0))
        .join(numbers, numbers.c.category == Category.slug, isouter=empty)
        .order_by(Category.name, Category.slug)
    )
    return [(slug, name, number) for slug, name, number in await session.execute(statement)]


async def ensure(session: AsyncSession, slug: str, name: str) -> None:
    """Add the category unless it is there; its name stays as it is."""
    await session.execute(insert(Category).values(slug=slug, name=name).on_conflict_do_nothing())


async def add(session: AsyncSession, slug: str, name: str) -> bool:
    """Whether the category is new and was added."""
    statement = insert(Category).values(slug=slug, name=name).on_conflict_do_nothing()
    added = await session.execute(statement.returning(Category.slug))
    return added.scalar_one_or_none() is not None


async def rename(session: AsyncSession, slug: str, name: str) -> int | None:
    """The number of listed products of the category, which has that name now; None when there is no such category."""
    number = (
        select(func.count())
        .select_from(Product)
        .where(Product.category == slug, Product.active)
        .scalar_subquery()
    )
    statement = update(Category).where(Category.slug == slug).values(name=name).returning(number)
    count: int | None = (await session.execute(statement)).scalar_one_or_none()
    return count


async def remove(session: AsyncSession, slug: str) -> bool:
    """Whether the category was there, had no product, archived ones included, and is now removed."""
    used = exists().where(Product.category == slug)
    statement = delete(Category).where(Category.slug == slug, ~used).returning(Category.slug)
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def is_there(session: AsyncSession, slug: str) -> bool:
    """Whether there is such a category."""
    statement = select(Category.slug).where(Category.slug == slug)
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def names(session: AsyncSession) -> dict[str, str]:
    """Slug → name of all categories."""
    return {row.slug: row.name for row in await session.execute(select(Category.slug, Category.name))}
