"""What is done when products change."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.events import Event, ProductChanged, ProductRemoved

from order_service.cache import Cache
from order_service.products import repository


class ProductEvents:
    """Keeps the copy, and what the cache holds of it."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def changed(self, session: AsyncSession, event: Event[ProductChanged]) -> None:
        """`product.changed`: keep it unless something newer is known."""
        data = event.data
        news = await repository.put(
            session,
            data.product_id,
            event.aggregateversion,
            {
                "sku": data.sku,
                "name": data.name,
                "price_amount": data.price.amount,
                "price_currency": data.price.currency,
                "available": max(0, data.available),
                "active": data.active,
                "picture_url": data.picture_url,
                "weight_grams": data.weight_grams,
            },
        )
        if news:
            await self._refresh(session, data.product_id)

    async def removed(self, session: AsyncSession, event: Event[ProductRemoved]) -> None:
        """`product.removed`: carts show it as not available."""
        if await repository.retire(session, event.data.product_id, event.aggregateversion, event.data.sku):
            await self._refresh(session, event.data.product_id)

    async def _refresh(self, session: AsyncSession, product_id: UUID) -> None:
        # Before the commit: what the event says is true, whether this transaction succeeds or is repeated.
        found = await repository.find(session, [product_id])
        await self._cache.put_products(found.values())
