"""What the orders' API takes and gives."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field
from storefront_common.events import CancellationReason
from storefront_common.schemas import (
    EMPTY_IS_ABSENT,
    Model,
    Money,
    PageCursor,
    PageLimit,
    one_line,
    printable,
)

from order_service.carts.schemas import MAX_LINES, CartId, Quantity
from order_service.money import Sum
from order_service.orders.lifecycle import State
from order_service.shipping.schemas import Address

SearchText = Annotated[
    str | None, Field(max_length=320), AfterValidator(lambda text: text and one_line(printable(text)))
]


class CheckoutLine(Model):
    """A line as the customer saw it."""

    product_id: UUID
    quantity: Quantity
    unit_price: Money


class CheckoutRequest(Model):
    """An order, as the customer saw it: nothing is ordered at another price."""

    cart_id: CartId
    cart_version: Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]
    lines: Annotated[list[CheckoutLine], Field(min_length=1, max_length=MAX_LINES)]
    shipping_address: Address
    shipping_quote_id: UUID
    shipping_rate_id: Annotated[str, Field(min_length=1, max_length=200)]
    payment_method: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[!-~]+$")]
    """The payment gateway's token."""
    expected_total: Sum


class CustomerView(Model):
    """Who ordered; empty once their data was erased."""

    email: str
    name: str


class OrderLineView(Model):
    """A line as it was ordered."""

    product_id: UUID
    sku: str
    name: str
    quantity: int
    unit_price: Money
    line_total: Sum


class ShippingMethod(Model):
    """How the parcel is sent; the carrier is empty while only the flat rate is known."""

    carrier: str
    service: str


class Tracking(Model):
    """Where to look for the parcel."""

    carrier: str
    tracking_number: str


class PaymentAction(Model):
    """What the customer must do for the bank (3-D Secure)."""

    client_secret: str
    """For the payment gateway's library in the browser."""
    url: str | None
    expires_at: datetime


class OrderView(Model):
    """An order."""

    id: UUID
    number: str
    state: State
    version: int
    customer: CustomerView
    lines: list[OrderLineView]
    subtotal: Sum
    shipping: Sum
    total: Sum
    refunded: Sum
    shipping_address: Address | None
    """None once the customer's data was erased."""
    shipping_method: ShippingMethod
    tracking: Tracking | None
    payment_action: PaymentAction | None
    """Only for the customer, while something has to be done."""
    cancel_reason: CancellationReason | None
    cancellable: bool
    placed_at: datetime
    updated_at: datetime


class OrderItem(Model):
    """An order in a list."""

    id: UUID
    number: str
    state: State
    total: Sum
    refunded: Sum
    customer: CustomerView
    placed_at: datetime
    updated_at: datetime


class OrderPage(Model):
    """Part of a list, the newest orders first, and where the next part begins."""

    items: list[OrderItem]
    next_cursor: str | None


class OwnOrdersQuery(Model):
    """Which of the customer's orders to list."""

    limit: PageLimit = 24
    after: PageCursor = None


class AllOrdersQuery(OwnOrdersQuery):
    """Which of all orders to list."""

    number: Annotated[SearchText, EMPTY_IS_ABSENT] = None
    """As people write it: small letters, O for 0 and missing hyphens are understood."""
    email: Annotated[SearchText, EMPTY_IS_ABSENT] = None
    """All of it; capitals do not matter."""
    state: Annotated[State | None, EMPTY_IS_ABSENT] = None


class HistoryItem(Model):
    """One change of an order."""

    version: int
    at: datetime
    trigger: str
    from_state: State | None
    to_state: State
    cause: str | None
    """Who or what; only for administrators."""
    detail: str | None


class HistoryList(Model):
    """All changes of an order, the oldest first."""

    items: list[HistoryItem]
