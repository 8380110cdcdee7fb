"""What administrators did."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, String, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from user_service.tables import Table


class AdminAction(Table):
    """One thing that an administrator did to a user. It stays when the user is erased, but for the reason."""

    __tablename__ = "admin_actions"
    __table_args__ = (
        Index("admin_actions_newest", "at", "id"),
        Index("admin_actions_of_user", "user_id", "at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    admin: Mapped[str] = mapped_column(String(255))
    """The administrator's subject."""
    action: Mapped[str] = mapped_column(String(20))
    user_id: Mapped[UUID]
    reason: Mapped[str | None] = mapped_column(Text)
    """Free text: it may tell something about the user."""
