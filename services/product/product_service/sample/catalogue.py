"""Reading the sample catalogue and adding it to the database."""

import tomllib
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any
from uuid import UUID, uuid5

import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from storefront_common.schemas import Money

from product_service import inventory
from product_service.catalogue import events, repository
from product_service.catalogue.schemas import ProductDraft
from product_service.catalogue.tables import Category, Product
from product_service.inventory.tables import Movement

logger = structlog.stdlib.get_logger(__name__)

_NAMESPACE = UUID("5f0c6f0e-6d0b-4a63-9a3e-6b7f0f5d2c11")
_INTERVAL = timedelta(hours=7)


def categories() -> dict[str, str]:
    """Slug → name of the sample categories."""
    return {slug: section["name"] for slug, section in _document().items()}


def products() -> list[ProductDraft]:
    """The sample products, one of each category in turn: so that the newest are a mix."""
    shelves = [
        [
            ProductDraft(
                sku=item["sku"],
                name=item["name"],
                description=item["description"].strip(),
                category=slug,
                price=Money(amount=item["price"]),
                stock=item["stock"],
                weight_grams=item.get("weight", section["weight"]),
            )
            for item in section["products"]
        ]
        for slug, section in _document().items()
    ]
    longest = max(len(shelf) for shelf in shelves)
    return [shelf[row] for row in range(longest) for shelf in shelves if row < len(shelf)]


async def add(connection: AsyncConnection) -> None:
    """Add the sample products that are missing, known by their SKU, and tell everybody; the others stay as they are."""
    names = [{"slug": slug, "name": name} for slug, name in categories().items()]
    await connection.execute(insert(Category).values(names).on_conflict_do_nothing())
    now = datetime.now(UTC)
    rows = [
        {
            "id": uuid5(_NAMESPACE, product.sku),
            "sku": product.sku,
            "name": product.name,
            "description": product.description,
            "category": product.category,
            "price_amount": product.price.amount,
            "price_currency": product.price.currency,
            "stock": product.stock,
            "weight_grams": product.weight_grams,
            "created_at": now - _INTERVAL * age,
            "updated_at": now - _INTERVAL * age,
        }
        for age, product in enumerate(products(), start=1)
    ]
    async with AsyncSession(connection) as session:
        added = (
            await session.scalars(insert(Product).on_conflict_do_nothing().returning(Product), rows)
        ).all()
        for product in added:
            # One that comes back has the id that it had: to those who saw it go it must be newer than that.
            removed = await repository.removed_revision(session, product.id)
            if removed is not None:
                product = await repository.set_version(session, product.id, removed + 1)
            await inventory.note(session, product, Movement.CREATED, product.stock)
            await events.publish_changed(session, product)
    logger.info("sample catalogue", products=len(rows), added=len(added))


def _document() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("products.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
