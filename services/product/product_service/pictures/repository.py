"""What pictures need of the products table."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from product_service.catalogue.tables import Product


async def find_subject(session: AsyncSession, product_id: UUID) -> tuple[str, str, str] | None:
    """(sku, name, category) of the product."""
    statement = select(Product.sku, Product.name, Product.category).where(Product.id == product_id)
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else (row.sku, row.name, row.category)
