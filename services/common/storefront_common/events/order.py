"""What happens to orders; the order service tells it. Subject: the order's id."""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime

from storefront_common.events.parts import Customer, EventData, Money, OrderSummary


class OrderPlaced(OrderSummary):
    """A customer ordered; nothing is reserved or paid yet."""

    type = "order.placed"


class PaymentRequested(EventData):
    """The stock is reserved: charge the customer."""

    type = "payment.requested"

    order_id: UUID
    customer: Customer
    amount: Money
    payment_method: str
    """The payment gateway's token for the customer's means of payment."""
    expires_at: AwareDatetime
    """Charge nothing after this."""


class OrderPaid(OrderSummary):
    """The payment is captured."""

    type = "order.paid"


class OrderShipped(OrderSummary):
    """The parcel has a label."""

    type = "order.shipped"

    carrier: str
    tracking_number: str


class CancellationReason(StrEnum):
    """Why an order came to nothing."""

    OUT_OF_STOCK = "out_of_stock"
    PRICE_CHANGED = "price_changed"
    PAYMENT_FAILED = "payment_failed"
    EXPIRED = "expired"
    BY_CUSTOMER = "by_customer"
    BY_SHOP = "by_shop"


class OrderCancelled(OrderSummary):
    """The order came to nothing: release its stock, void or refund its payment."""

    type = "order.cancelled"

    reason: CancellationReason


class OrderRefunded(OrderSummary):
    """Money went back to the customer."""

    type = "order.refunded"

    refund_id: str
    amount: Money
