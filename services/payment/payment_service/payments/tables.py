"""Payments, and orders that were cancelled before anybody asked for their payment."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from payment_service.tables import Table


class Payment(Table):
    """What one order costs and how its payment stands. Of who ordered it knows the subject: nothing else is needed."""

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint("amount > 0", name="payments_amount_positive"),
        Index("payments_newest", "created_at", "id"),
        Index("payments_subject_newest", "subject", "created_at", "id"),
        Index("payments_state_newest", "state", "created_at", "id"),
        Index(
            "payments_unsettled",
            "updated_at",
            postgresql_where=text("state IN ('pending', 'action_required', 'authorised')"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(unique=True)
    subject: Mapped[str | None] = mapped_column(Text)
    """The customer; None after the person was erased."""
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    payment_method: Mapped[str | None] = mapped_column(Text)
    """The gateway's token; None once it is of no use any more."""
    state: Mapped[str] = mapped_column(String(20))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    intent_id: Mapped[str | None] = mapped_column(Text, unique=True)
    phase: Mapped[int | None] = mapped_column(SmallInteger)
    client_secret: Mapped[str | None] = mapped_column(Text)
    next_action_url: Mapped[str | None] = mapped_column(Text)
    give_up: Mapped[str | None] = mapped_column(String(20))
    failure: Mapped[str | None] = mapped_column(Text)
    asked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    closed: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class CancelledOrder(Table):
    """An order whose cancellation was heard of before its payment was asked for."""

    __tablename__ = "cancelled_orders"

    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    heard_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
