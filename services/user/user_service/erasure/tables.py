"""Who has been erased, and which services have still to do it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, LargeBinary, String, func
from sqlalchemy.orm import Mapped, mapped_column

from user_service.tables import Table


class Erasure(Table):
    """One person's erasure; it stays as a tombstone that holds nothing but a hash."""

    __tablename__ = "erasures"
    __table_args__ = (
        Index("erasures_newest", "requested_at", "id"),
        Index("erasures_user_id", "user_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    subject: Mapped[str | None] = mapped_column(String(255))
    """Only while services are outstanding: they have to be told whom to forget."""
    user_id: Mapped[UUID | None]
    requested_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ErasureAnswer(Table):
    """A service that has erased what it had."""

    __tablename__ = "erasure_answers"

    erasure_id: Mapped[UUID] = mapped_column(ForeignKey("erasures.id", ondelete="CASCADE"), primary_key=True)
    service: Mapped[str] = mapped_column(String(40), primary_key=True)
    answered_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
