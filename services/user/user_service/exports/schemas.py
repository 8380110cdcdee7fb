"""What the export's API gives."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from storefront_common.schemas import Model


class ExportStatus(StrEnum):
    """How far an export is."""

    COLLECTING = "collecting"
    """Services have still to hand over what they hold."""
    COMPLETE = "complete"


class ExportDocument(Model):
    """All that the shop holds about a person."""

    subject: str
    requested_at: datetime
    completed_at: datetime
    services: dict[str, dict[str, Any]]
    """What each service holds, by the service's name."""


class ExportView(Model):
    """An export, and once it is complete the document."""

    id: UUID
    status: ExportStatus
    outstanding: list[str]
    """Services that have not yet handed over what they hold."""
    requested_at: datetime
    expires_at: datetime
    """When the document is removed."""
    document: ExportDocument | None
