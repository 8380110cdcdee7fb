"""What the inventory's API takes and gives."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field
from storefront_common.schemas import EMPTY_IS_ABSENT, Model, PageCursor, PageLimit, printable

from product_service.catalogue.schemas import MAX_STOCK
from product_service.inventory.tables import Movement


def _not_zero(change: int) -> int:
    if change == 0:
        raise ValueError("must not be 0")
    return change


class Reason(StrEnum):
    """Why somebody adjusts a stock."""

    RECEIVED = "received"
    COUNTED = "counted"
    DAMAGED = "damaged"
    LOST = "lost"
    RETURNED = "returned"
    OTHER = "other"


class Adjustment(Model):
    """So many more, or (negative) fewer, and why."""

    change: Annotated[int, Field(ge=-MAX_STOCK, le=MAX_STOCK, strict=True), AfterValidator(_not_zero)]
    reason: Reason
    note: Annotated[str, Field(max_length=500), AfterValidator(printable)] | None = None


class StockView(Model):
    """How many there are of one SKU."""

    sku: str
    product_id: UUID
    name: str
    active: bool
    on_hand: int
    """What is in the shop's hands."""
    reserved: int
    """What of it is put aside for orders that are not paid yet."""
    available: int
    """What can be ordered: what is on hand and not reserved."""


class StockPage(Model):
    """Part of the inventory by SKU, and where the next part begins."""

    items: list[StockView]
    next_cursor: str | None


class StockQuery(Model):
    """Which part of the inventory to list."""

    limit: PageLimit = 24
    after: PageCursor = None
    available_at_most: Annotated[int | None, Field(ge=0, le=MAX_STOCK), EMPTY_IS_ABSENT] = None
    """Only what is scarce."""


class MovementView(Model):
    """A change of a stock, and what caused it."""

    id: int
    product_id: UUID
    sku: str
    kind: Movement
    change: int
    stock_after: int
    """What was on hand then."""
    reason: Reason | None
    note: str | None
    order_id: UUID | None
    actor: str | None
    """Subject of who did it; null when an order caused it."""
    created_at: datetime


class MovementPage(Model):
    """Part of a stock's history, latest first, and where the next part begins."""

    items: list[MovementView]
    next_cursor: str | None


class MovementQuery(Model):
    """Which part of the history to list."""

    limit: PageLimit = 24
    after: PageCursor = None
