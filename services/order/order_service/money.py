"""Sums of money in answers."""

from typing import Annotated

from pydantic import Field
from storefront_common.schemas import Currency, Model


class Sum(Model):
    """Several prices added up, in minor units: it may be more than any one price may be."""

    amount: Annotated[int, Field(ge=0, le=2**53 - 1, strict=True)]
    currency: Currency = "EUR"
