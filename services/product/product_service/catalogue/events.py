"""Telling the other services, and our own index and cache, what has become of a product."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.events import Money, ProductChanged, ProductRemoved
from storefront_common.messaging import outbox

from product_service.catalogue.tables import Product
from product_service.pictures.addresses import address_of


def changed(product: Product) -> ProductChanged:
    """The event that tells all of `product`."""
    return ProductChanged(
        product_id=product.id,
        sku=product.sku,
        name=product.name,
        price=Money(amount=product.price_amount, currency=product.price_currency),
        available=product.available,
        active=product.active,
        picture_url=address_of(product),
        weight_grams=product.weight_grams,
    )


async def publish_changed(session: AsyncSession, product: Product) -> None:
    """Tell what the product is like after this transaction."""
    await outbox.add(session, changed(product), str(product.id), product.revision)


async def publish_removed(session: AsyncSession, product_id: UUID, sku: str, revision: int) -> None:
    """Tell that there is no such product after this transaction; `revision` is above all that it had."""
    await outbox.add(session, ProductRemoved(product_id=product_id, sku=sku), str(product_id), revision)
