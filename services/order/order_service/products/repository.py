"""The statements of the products' copy."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from order_service.products.product import COLUMNS, Product, from_columns
from order_service.products.tables import ProductCopy


async def find(session: AsyncSession, product_ids: Iterable[UUID]) -> dict[UUID, Product]:
    """The known products among `product_ids`."""
    wanted = sorted(set(product_ids))
    if not wanted:
        return {}
    rows = await session.execute(select(*COLUMNS).where(ProductCopy.id.in_(wanted)))
    return {row.id: from_columns(row) for row in rows}


async def put(session: AsyncSession, product_id: UUID, version: int, values: dict[str, Any]) -> bool:
    """Whether version `version` of the product was news; it is kept if so."""
    statement = insert(ProductCopy).values(id=product_id, version=version, **values)
    changed = {column: statement.excluded[column] for column in ("version", *values)}
    statement = statement.on_conflict_do_update(
        index_elements=[ProductCopy.id],
        set_={**changed, "updated_at": func.now()},
        where=ProductCopy.version < statement.excluded.version,
    )
    return (await session.execute(statement.returning(ProductCopy.id))).scalar_one_or_none() is not None


async def retire(session: AsyncSession, product_id: UUID, version: int, sku: str) -> bool:
    """Whether it was news that version `version` removed the product; then it cannot be bought any more."""
    nothing = {
        "sku": sku, "name": sku, "price_amount": 0, "price_currency": "EUR", "available": 0,
        "active": False, "picture_url": "", "weight_grams": 0,
    }  # fmt: skip
    statement = insert(ProductCopy).values(id=product_id, version=version, **nothing)
    statement = statement.on_conflict_do_update(
        index_elements=[ProductCopy.id],
        # Carts still show its name and price.
        set_={"version": version, "available": 0, "active": False, "updated_at": func.now()},
        where=ProductCopy.version < statement.excluded.version,
    )
    return (await session.execute(statement.returning(ProductCopy.id))).scalar_one_or_none() is not None
