"""What the carts' API takes and gives."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field
from storefront_common.schemas import Model, Money

from order_service.money import Sum

MAX_QUANTITY = 99
"""Of one product in a cart."""
MAX_LINES = 100
"""Different products in a cart."""

CartId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,64}$")]
Quantity = Annotated[int, Field(ge=1, le=MAX_QUANTITY, strict=True)]


class LineContent(BaseModel):
    """A line as it is kept; `seen_price` is what one cost when it was put there, in minor units."""

    product_id: UUID
    quantity: int
    seen_price: int


class CartContent(BaseModel):
    """A cart as it is kept, in the order in which lines were added. Prices come from the products when it is shown."""

    id: str
    version: int
    lines: list[LineContent]


class LineChange(Model):
    """How many of the product the cart shall hold."""

    quantity: Quantity


class MergeRequest(Model):
    """The cart from before signing in."""

    cart_id: CartId


class LineView(Model):
    """A line at today's price."""

    product_id: UUID
    sku: str
    name: str
    picture_url: str
    quantity: int
    unit_price: Money
    """Of one, today."""
    added_price: Money
    """Of one, when the line was added or last changed."""
    price_changed: bool
    line_total: Sum
    available: bool
    """Whether so many can be ordered, as far as is known."""
    available_quantity: int


class CartView(Model):
    """A cart at today's prices. What the customer checks out is this version of it."""

    id: str | None
    """None: the customer never had anything in it."""
    version: int
    lines: list[LineView]
    item_count: int
    subtotal: Sum
    orderable: bool
    """Whether every line is available and there is one."""
