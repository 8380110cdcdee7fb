"""A product as carts and checkout use it, from the table or from the cache."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from order_service.products.tables import ProductCopy


class Product(BaseModel):
    """What is known of a product. `price` is in minor units of euro."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    version: int
    sku: str
    name: str
    price: int
    available: int
    active: bool
    picture_url: str
    weight_grams: int


COLUMNS = (
    ProductCopy.id,
    ProductCopy.version,
    ProductCopy.sku,
    ProductCopy.name,
    ProductCopy.price_amount,
    ProductCopy.available,
    ProductCopy.active,
    ProductCopy.picture_url,
    ProductCopy.weight_grams,
)
"""What a statement selects for a product."""


def from_columns(values: Sequence[Any]) -> Product:
    """The product of a row's COLUMNS."""
    return Product(**dict(zip(Product.model_fields, values, strict=True)))
