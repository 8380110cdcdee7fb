"""What this service does with the events of its queue."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.database import Database
from storefront_common.events import (
    Event,
    OrderCancelled,
    OrderPaid,
    OrderPlaced,
    ProductChanged,
    ProductRemoved,
)
from storefront_common.messaging.consumer import Handler, OutsideTransaction

from product_service.cache import ProductCache
from product_service.catalogue import repository as catalogue
from product_service.inventory import reservations
from product_service.search import indexing


async def order_placed(session: AsyncSession, event: Event[OrderPlaced]) -> None:
    """Put aside what was ordered, or tell why not."""
    await reservations.reserve(session, event.data)


async def order_cancelled(session: AsyncSession, event: Event[OrderCancelled]) -> None:
    """Give back what the order holds."""
    await reservations.release(session, event.data.order_id)


async def order_paid(session: AsyncSession, event: Event[OrderPaid]) -> None:
    """Take what the order holds out of the stock."""
    await reservations.commit(session, event.data)


class ProductCopies:
    """Keeps this service's own copies of a product, in the cache and in the index, like the database."""

    def __init__(self, database: Database, cache: ProductCache) -> None:
        self._database = database
        self._cache = cache

    async def refresh(self, _: None, event: Event[ProductChanged] | Event[ProductRemoved]) -> None:
        """Have the product indexed, and forget it and its variants in the cache."""
        product_id = event.data.product_id

        async def ask(session: AsyncSession) -> set[Any]:
            await indexing.ask(session, product_id)
            return {product_id, *await catalogue.variant_ids(session, product_id)}

        await self._cache.forget(await self._database.write(ask), categories=True)


def handlers(database: Database, cache: ProductCache) -> Mapping[str, Handler | OutsideTransaction]:
    """The handlers by event type; also what the queue has to be bound to."""
    copies = OutsideTransaction(ProductCopies(database, cache).refresh)
    return {
        OrderPlaced.type: order_placed,
        OrderCancelled.type: order_cancelled,
        OrderPaid.type: order_paid,
        ProductChanged.type: copies,
        ProductRemoved.type: copies,
    }
