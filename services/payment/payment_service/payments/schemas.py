"""What the API takes and gives about payments."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from storefront_common.schemas import EMPTY_IS_ABSENT, Model, Money, PageCursor, PageLimit

from payment_service.payments.lifecycle import State
from payment_service.refunds.schemas import RefundView


class PaymentQuery(Model):
    """Which payments to list. Who is not an administrator sees their own ones only."""

    limit: PageLimit = 24
    after: PageCursor = None
    order_id: Annotated[UUID | None, EMPTY_IS_ABSENT] = None
    state: Annotated[State | None, EMPTY_IS_ABSENT] = None


class Action(Model):
    """What the customer must do before the payment can go on (3-D Secure)."""

    client_secret: str
    url: str | None
    expires_at: datetime


class PaymentSummary(Model):
    """A payment and what the books say about it."""

    id: UUID
    order_id: UUID
    state: State
    amount: Money
    captured: Money
    refunded: Money
    disputed: Money
    failure: str | None
    expires_at: datetime
    version: int
    created_at: datetime
    updated_at: datetime


class PaymentView(PaymentSummary):
    """A payment with all that belongs to it."""

    action: Action | None
    gateway_intent: str | None
    """For administrators: where to find it at the gateway."""
    refunds: list[RefundView]


class PaymentPage(Model):
    """Part of a list, the newest first, and where the next part begins."""

    items: list[PaymentSummary]
    next_cursor: str | None
