"""The history of the stock."""

from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from product_service.catalogue.tables import Product
from product_service.inventory.tables import Movement, StockMovement


async def note(
    session: AsyncSession,
    product: Product,
    kind: Movement,
    change: int,
    *,
    reason: str | None = None,
    note: str | None = None,
    order_id: UUID | None = None,
    actor: str | None = None,
) -> StockMovement:
    """Note that the stock of `product` changed by `change` to what it is now."""
    statement = insert(StockMovement).values(
        product_id=product.id,
        sku=product.sku,
        kind=kind,
        change=change,
        stock_after=product.stock,
        reason=reason,
        note=note,
        order_id=order_id,
        actor=actor,
    )
    return (await session.execute(statement.returning(StockMovement))).scalar_one()


async def page(session: AsyncSession, sku: str, before: int | None, limit: int) -> list[StockMovement]:
    """The latest movements of a SKU, older than the one with the id `before`."""
    statement = select(StockMovement).where(StockMovement.sku == sku)
    if before is not None:
        statement = statement.where(StockMovement.id < before)
    statement = statement.order_by(StockMovement.id.desc()).limit(limit)
    return list((await session.execute(statement)).scalars())
