"""What events are made of. Readers ignore fields that they do not know, at every depth."""

from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Part(BaseModel):
    """camelCase on the wire, snake_case here; unknown fields are ignored, so that writers may add some.

    A part may be made from any object with the same attributes, so an API's `Money` fits where an event's stands.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", from_attributes=True, frozen=True
    )


class EventData(Part):
    """What an event tells. A subclass names the type, which is the routing key as well."""

    type: ClassVar[str]
    dataversion: ClassVar[int] = 1
    """Raised only when readers of the version before cannot read it any more."""


class Money(Part):
    """An amount in minor units: 1999 EUR is 19.99 €."""

    amount: int = Field(ge=0)
    currency: str = "EUR"


class OrderLine(Part):
    """So many of one product, at the price that the customer saw."""

    product_id: UUID
    sku: str
    name: str
    quantity: int = Field(ge=1)
    unit_price: Money


class Customer(Part):
    """Who ordered: the identity provider's subject, and where mails go."""

    subject: str
    email: str
    name: str


class Address(Part):
    """Where a parcel goes."""

    name: str
    line1: str
    line2: str | None = None
    postal_code: str
    city: str
    country: str
    """ISO 3166-1 alpha-2."""


class OrderSummary(EventData):
    """An order as everybody needs it who has no order of their own to look at."""

    order_id: UUID
    number: str
    """What people call the order, such as `S-2K7Q9M`."""
    customer: Customer
    lines: list[OrderLine]
    subtotal: Money
    shipping: Money
    total: Money
    shipping_address: Address
    placed_at: AwareDatetime
