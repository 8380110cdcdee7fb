"""Reading the sample catalogue and adding it to the database."""

import tomllib
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any
from uuid import UUID, uuid5

import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from product_service.catalogue.schemas import Price, ProductDraft
from product_service.catalogue.tables import Category, Product

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
                price=Price(amount=item["price"]),
                stock=item["stock"],
            )
            for item in section["products"]
        ]
        for slug, section in _document().items()
    ]
    longest = max(len(shelf) for shelf in shelves)
    return [shelf[row] for row in range(longest) for shelf in shelves if row < len(shelf)]


async def add(connection: AsyncConnection) -> None:
    """Add the sample products that are missing, known by their SKU; those that are there stay as they are."""
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
            "created_at": now - _INTERVAL * age,
            "updated_at": now - _INTERVAL * age,
        }
        for age, product in enumerate(products(), start=1)
    ]
    added = await connection.execute(
        insert(Product).values(rows).on_conflict_do_nothing().returning(Product.id)
    )
    logger.info("sample catalogue", products=len(rows), added=len(added.all()))


def _document() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("products.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
