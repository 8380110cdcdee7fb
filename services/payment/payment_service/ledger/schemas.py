"""What the ledger's API takes and gives."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field
from storefront_common.schemas import EMPTY_IS_ABSENT, Model, Money, PageLimit

from payment_service.ledger.entries import Entry


class LedgerQuery(Model):
    """Which entries to list."""

    limit: PageLimit = 50
    after: Annotated[str | None, Field(max_length=19, pattern=r"^[0-9]+$"), EMPTY_IS_ABSENT] = None
    payment_id: UUID | None = None
    order_id: UUID | None = None


class LedgerEntryView(Model):
    """One thing that happened to the money of a payment."""

    id: int
    payment_id: UUID
    order_id: UUID
    kind: Entry
    amount: Money
    gateway_object: str
    recorded_at: datetime


class LedgerPage(Model):
    """Part of the ledger, the newest first, and where the next part begins."""

    items: list[LedgerEntryView]
    next_cursor: str | None
