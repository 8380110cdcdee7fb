"""The carrier's API.

    POST /v1/rates               what services cost: RateRequest → RateList
    POST /v1/labels              buy a label, with an Idempotency-Key: LabelRequest → Label
    GET  /v1/labels/{id}         a label
    GET  /v1/labels?reference=…  the labels bought under a reference: LabelList
    GET  /v1/labels/{id}/document    the label to print (SVG); needs no key

Every request carries `Authorization: Bearer <key>`; any key will do. Errors are problem documents (RFC 9457).
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from storefront_standins.schemas import Model

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Country = Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]
"""ISO 3166-1 alpha-2."""
Grams = Annotated[int, Field(gt=0, le=1_000_000)]
Parcels = Annotated[list["Parcel"], Field(min_length=1, max_length=100)]
ServiceCode = Literal["standard", "express"]


class Parcel(Model):
    """One parcel of a shipment."""

    weight_grams: Grams


class Destination(Model):
    """Where parcels go."""

    name: Line
    line1: Line
    line2: Line | None = None
    postal_code: Line
    city: Line
    country: Country


class RateRequest(Model):
    """Parcels to be priced."""

    destination: Destination
    parcels: Parcels


class Rate(Model):
    """One way to send them."""

    id: str
    carrier: str
    service: ServiceCode
    amount: int
    """In minor units."""
    currency: Literal["EUR"] = "EUR"
    estimated_days: int
    """Working days until they arrive."""


class RateList(Model):
    """Every way to send them, the cheapest first."""

    rates: list[Rate]


class LabelRequest(Model):
    """Parcels to be sent; `reference` is the sender's own name for them, such as an order's number."""

    reference: Line
    service: ServiceCode
    rate_id: Line | None = None
    """The rate that was quoted; None: today's."""
    destination: Destination
    parcels: Parcels


class Label(Model):
    """A label that was bought."""

    id: str
    reference: str
    carrier: str
    service: ServiceCode
    tracking_number: str
    amount: int
    currency: Literal["EUR"] = "EUR"
    weight_grams: int
    destination: Destination
    label_url: str
    created_at: datetime


class LabelList(Model):
    """Labels, the newest first."""

    items: list[Label]
