"""The departments of the shop."""

from sqlalchemy.ext.asyncio import AsyncSession

from product_service.categories import repository
from product_service.categories.service import name_of

__all__ = ["ensure", "name_of", "names"]


async def ensure(session: AsyncSession, slug: str) -> None:
    """Add the category of a product unless it is there."""
    await repository.ensure(session, slug, name_of(slug))


async def names(session: AsyncSession) -> dict[str, str]:
    """Slug → name of all categories."""
    return await repository.names(session)
