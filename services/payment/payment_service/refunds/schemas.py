"""What the API takes and gives about refunds."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from storefront_common.schemas import MAX_AMOUNT, Currency, Model, Money, Name


class RefundAmount(Model):
    """So much is to go back, in minor units."""

    amount: Annotated[int, Field(ge=1, le=MAX_AMOUNT, strict=True)]
    currency: Currency = "EUR"


class RefundDraft(Model):
    """A refund to be made."""

    amount: RefundAmount
    reason: Name | None = None
    """For the shop's own records; the customer does not see it."""


class RefundView(Model):
    """A refund: `requested` until the gateway has confirmed or refused it."""

    id: UUID
    payment_id: UUID
    amount: Money
    state: Literal["requested", "succeeded", "failed"]
    origin: Literal["by_shop", "order_cancelled", "at_gateway"]
    reason: str | None
    failure: str | None
    created_at: datetime
    updated_at: datetime
