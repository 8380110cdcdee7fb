"""What happens to products and to their stock; the product service tells it."""

from enum import StrEnum
from uuid import UUID

from storefront_common.events.parts import EventData, Money, OrderLine, Part


class ProductChanged(EventData):
    """A product is new or not as before; this is all of it. Subject: the product's id."""

    type = "product.changed"

    product_id: UUID
    sku: str
    name: str
    price: Money
    available: int
    """How many can be ordered: the stock without what is reserved."""
    active: bool
    """Whether it can be bought at all."""
    picture_url: str
    weight_grams: int


class ProductRemoved(EventData):
    """A product is gone. Subject: the product's id."""

    type = "product.removed"

    product_id: UUID
    sku: str


class StockReserved(EventData):
    """All lines of an order are put aside at the prices that the order names. Subject: the order's id."""

    type = "stock.reserved"

    order_id: UUID
    lines: list[OrderLine]
    total: Money
    """Of the lines: without shipping."""


class RejectionReason(StrEnum):
    """Why stock was not reserved."""

    OUT_OF_STOCK = "out_of_stock"
    PRICE_CHANGED = "price_changed"
    UNKNOWN_PRODUCT = "unknown_product"


class RejectedLine(Part):
    """What was asked for and what there is."""

    sku: str
    wanted: int
    available: int
    price: Money | None = None
    """The present price; none of a product that is not known."""


class StockRejected(EventData):
    """Nothing was put aside for an order. Subject: the order's id."""

    type = "stock.rejected"

    order_id: UUID
    reason: RejectionReason
    lines: list[RejectedLine]
    """The lines that are to blame."""
