"""The inventory over HTTP; for administrators."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response
from storefront_common.identity import Admin
from storefront_common.problems import InvalidInputError
from storefront_common.schemas import Sku

from product_service import creation
from product_service.dependencies import DatabaseDependency, ProductCacheDependency
from product_service.inventory import service
from product_service.inventory.schemas import (
    Adjustment,
    MovementPage,
    MovementQuery,
    MovementView,
    StockPage,
    StockQuery,
    StockView,
)

router = APIRouter(prefix="/api/inventory", tags=["inventory"])


@router.get("")
async def list_stock(
    query: Annotated[StockQuery, Query()], database: DatabaseDependency, admin: Admin
) -> StockPage:
    """List how many there are of each SKU, page by page."""
    return await database.read(lambda session: service.list_stock(session, query))


@router.get("/{sku}")
async def get_stock(sku: Sku, database: DatabaseDependency, admin: Admin) -> StockView:
    """Show how many there are of one SKU."""
    return await database.read(lambda session: service.get_stock(session, sku))


@router.post("/{sku}/adjustments", status_code=HTTPStatus.CREATED)
async def adjust_stock(
    sku: Sku,
    adjustment: Adjustment,
    database: DatabaseDependency,
    cache: ProductCacheDependency,
    admin: Admin,
    response: Response,
    idempotency_key: creation.Key = None,
) -> MovementView:
    """Change a stock after goods came in, were counted, or are gone. Needs an `Idempotency-Key`."""
    if idempotency_key is None:
        raise InvalidInputError("Idempotency-Key", None, "is needed, so that a repetition changes nothing")
    movement, repeated = await database.write(
        lambda session: creation.once(
            session,
            idempotency_key,
            admin.subject,
            f"adjust {sku} {adjustment.model_dump_json()}",
            MovementView,
            lambda: service.adjust(session, sku, adjustment, admin.subject),
        )
    )
    await cache.forget([movement.product_id])
    creation.tell_repetition(response, repeated)
    return movement


@router.get("/{sku}/movements")
async def list_movements(
    sku: Sku, query: Annotated[MovementQuery, Query()], database: DatabaseDependency, admin: Admin
) -> MovementPage:
    """List what changed a stock, latest first, page by page."""
    return await database.read(lambda session: service.list_movements(session, sku, query))
