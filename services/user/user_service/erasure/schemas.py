"""What the erasure's API gives."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from storefront_common.schemas import Model, PageCursor, PageLimit


class ErasureStatus(StrEnum):
    """How far an erasure is."""

    ERASING = "erasing"
    """This service has forgotten the person, others have still to do it."""
    ERASED = "erased"


class ErasureView(Model):
    """An erasure and which services are outstanding."""

    id: UUID
    status: ErasureStatus
    outstanding: list[str]
    """Services that have not yet said that they are done."""
    requested_at: datetime
    completed_at: datetime | None


class ErasureQuery(Model):
    """Which erasures to list."""

    limit: PageLimit = 24
    after: PageCursor = None


class ErasurePage(Model):
    """Part of the erasures, from new to old, and where the next part begins."""

    items: list[ErasureView]
    next_cursor: str | None
