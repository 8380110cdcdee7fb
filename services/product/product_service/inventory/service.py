"""What people can do with the inventory. Each function works in the transaction of the session it is given."""

import re
from http import HTTPStatus

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.problems import InvalidInputError, Problem

from product_service.catalogue import events
from product_service.catalogue.schemas import MAX_STOCK
from product_service.catalogue.tables import Product
from product_service.inventory import movements, repository
from product_service.inventory.schemas import (
    Adjustment,
    MovementPage,
    MovementQuery,
    MovementView,
    StockPage,
    StockQuery,
    StockView,
)
from product_service.inventory.tables import Movement

_SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_NUMBER = re.compile(r"[0-9]{1,18}")


async def list_stock(session: AsyncSession, query: StockQuery) -> StockPage:
    """One page of the inventory.

    Raises:
        InvalidInputError: `after` is no cursor.
    """
    after = _cursor(query.after, _SKU)
    products = await repository.page(session, after, query.available_at_most, query.limit + 1)
    shown = products[: query.limit]
    return StockPage(
        items=[_view(product) for product in shown],
        next_cursor=shown[-1].sku if len(products) > query.limit else None,
    )


async def get_stock(session: AsyncSession, sku: str) -> StockView:
    """The stock of that SKU, or a 404."""
    return _view(await _find(session, sku))


async def adjust(session: AsyncSession, sku: str, adjustment: Adjustment, actor: str) -> MovementView:
    """The movement that was made.

    Raises:
        Problem: the SKU is unknown (404), or less would remain than is reserved, or too much (409).
    """
    product = await repository.adjust(session, sku, adjustment.change, MAX_STOCK)
    if product is None:
        product = await _find(session, sku)
        raise Problem(
            HTTPStatus.CONFLICT,
            f"{sku} has a stock of {product.stock}, {product.reserved} of it reserved for orders: it can become "
            f"{product.reserved} to {MAX_STOCK}.",
        )
    movement = await movements.note(
        session,
        product,
        Movement.ADJUSTED,
        adjustment.change,
        reason=adjustment.reason,
        note=adjustment.note,
        actor=actor,
    )
    await events.publish_changed(session, product)
    return MovementView.model_validate(movement, from_attributes=True)


async def list_movements(session: AsyncSession, sku: str, query: MovementQuery) -> MovementPage:
    """One page of the history of that SKU, also when its product is gone.

    Raises:
        InvalidInputError: `after` is no cursor.
    """
    before = _cursor(query.after, _NUMBER)
    found = await movements.page(session, sku, None if before is None else int(before), query.limit + 1)
    shown = found[: query.limit]
    return MovementPage(
        items=[MovementView.model_validate(movement, from_attributes=True) for movement in shown],
        next_cursor=str(shown[-1].id) if len(found) > query.limit else None,
    )


def _cursor(text: str | None, form: re.Pattern[str]) -> str | None:
    if text is not None and not form.fullmatch(text):
        raise InvalidInputError(
            "after", text, "is not a cursor; pass the nextCursor of the page before as it is"
        )
    return text


async def _find(session: AsyncSession, sku: str) -> Product:
    product = await repository.find(session, sku)
    if product is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"There is no product with the SKU {sku}.")
    return product


def _view(product: Product) -> StockView:
    return StockView(
        sku=product.sku,
        product_id=product.id,
        name=product.name,
        active=product.active,
        on_hand=product.stock,
        reserved=product.reserved,
        available=product.available,
    )
