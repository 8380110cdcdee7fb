"""Where a product's picture is found."""

from hashlib import sha256
from uuid import UUID

from product_service.catalogue.tables import Product

DRAWING_STYLE = 1
"""Counts up when the drawings change, so that browsers fetch them again."""


def picture_version(sku: str, name: str, category: str) -> str:
    """Short text that changes exactly when the picture of such a product does."""
    return sha256("\n".join((str(DRAWING_STYLE), sku, name, category)).encode()).hexdigest()[:16]


def picture_url(product_id: UUID, sku: str, name: str, category: str) -> str:
    """The picture's address; it holds the version, so the picture behind it can be cached for good."""
    return f"/api/products/{product_id}/picture?v={picture_version(sku, name, category)}"


def address_of(product: Product) -> str:
    """Where the product's picture is: the linked one, else the drawn one."""
    if product.linked_picture is not None:
        return product.linked_picture
    return picture_url(product.id, product.sku, product.name, product.category)
