"""Tables of requests about a person's data."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, String, func
from sqlalchemy.orm import Mapped, mapped_column

from order_service.tables import Table


class PendingErasure(Table):
    """A person who wants to be forgotten while an order of theirs is still on its way."""

    __tablename__ = "pending_erasures"

    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(255))
    requested_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
