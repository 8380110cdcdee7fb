"""What the shipping quotes' API takes and gives."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field
from storefront_common.schemas import EMPTY_IS_ABSENT, Model, Money, Name, one_line, printable

from order_service.carts.schemas import CartId

Line = Annotated[
    str, Field(min_length=1, max_length=120), AfterValidator(printable), AfterValidator(one_line)
]


class Address(Model):
    """Where a parcel goes."""

    name: Name
    line1: Line
    line2: Annotated[Line | None, EMPTY_IS_ABSENT] = None
    postal_code: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 -]{0,14}$")]
    city: Line
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    """ISO 3166-1 alpha-2."""


class QuoteRequest(Model):
    """What a cart's parcel to an address would cost."""

    cart_id: CartId | None = None
    """A cart that nobody owns; None: the customer's own."""
    destination: Address


class Rate(Model):
    """One way of sending the parcel."""

    id: Annotated[str, Field(max_length=200)]
    carrier: str
    service: str
    price: Money
    estimated_days: int | None
    """Until it arrives; None when nobody knows."""
    flat: bool = False
    """Whether it is the shop's own flat rate, because the carrier could not be asked."""


class QuoteView(Model):
    """Ways of sending what is in one version of a cart; checkout names one of them."""

    id: UUID
    cart_id: str
    cart_version: int
    destination: Address
    rates: list[Rate]
    expires_at: datetime
