"""Refunds, from the wish to what became of it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from payment_service.tables import Table

BECAUSE_CANCELLED = "order_cancelled"
AT_GATEWAY = "at_gateway"
BY_SHOP = "by_shop"


class Refund(Table):
    """So much of a payment goes back."""

    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint("amount > 0", name="refunds_amount_positive"),
        Index("refunds_payment", "payment_id", "created_at"),
        # However often an order is cancelled, that is one refund.
        Index(
            "refunds_once_because_cancelled",
            "payment_id",
            unique=True,
            postgresql_where=text("origin = 'order_cancelled'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[str] = mapped_column(String(20))
    origin: Mapped[str] = mapped_column(String(20))
    """Who wanted it: an administrator, a cancelled order, or somebody at the gateway's own pages."""
    reason: Mapped[str | None] = mapped_column(Text)
    gateway_id: Mapped[str | None] = mapped_column(Text, unique=True)
    failure: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
