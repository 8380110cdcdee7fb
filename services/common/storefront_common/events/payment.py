"""What happens to payments; the payment service tells it. Subject: the order's id, version: the payment's."""

from uuid import UUID

from pydantic import AwareDatetime

from storefront_common.events.parts import EventData, Money


class PaymentCaptured(EventData):
    """The money is ours."""

    type = "payment.captured"

    order_id: UUID
    payment_id: UUID
    amount: Money


class PaymentFailed(EventData):
    """Nothing was charged, and nothing will be."""

    type = "payment.failed"

    order_id: UUID
    payment_id: UUID
    reason: str
    """The payment gateway's code, such as `card_declined`."""


class PaymentActionRequired(EventData):
    """The customer's bank wants to hear from the customer (3-D Secure)."""

    type = "payment.action_required"

    order_id: UUID
    payment_id: UUID
    client_secret: str
    next_action_url: str | None = None
    expires_at: AwareDatetime


class PaymentVoided(EventData):
    """An authorisation was given up before it was captured."""

    type = "payment.voided"

    order_id: UUID
    payment_id: UUID


class PaymentRefunded(EventData):
    """Money that was captured went back."""

    type = "payment.refunded"

    order_id: UUID
    payment_id: UUID
    refund_id: str
    amount: Money
    """Of this refund."""
    total_refunded: Money
    """Of all refunds of the payment."""
