"""Where a product's picture is found."""

from hashlib import sha256
from uuid import UUID

DRAWING_STYLE = 1
"""Counts up when the drawings change, so that browsers fetch them again."""


def picture_version(sku: str, name: str, category: str) -> str:
    """Short text that changes exactly when the picture of such a product does."""
    return sha256("\n".join((str(DRAWING_STYLE), sku, name, category)).encode()).hexdigest()[:16]


def picture_url(product_id: UUID, sku: str, name: str, category: str) -> str:
    """The picture's address; it holds the version, so the picture behind it can be cached for good."""
    return f"/api/products/{product_id}/picture?v={picture_version(sku, name, category)}"
