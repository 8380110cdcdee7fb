"""The ledger. A trigger of the migration refuses to change or delete what was written."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from payment_service.tables import Table


class LedgerEntry(Table):
    """One thing that happened to the money of a payment."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        # The gateway tells everything several times; the same thing is written once.
        UniqueConstraint("kind", "gateway_object", name="ledger_entries_once"),
        Index(
            "ledger_entries_once_per_payment",
            "payment_id",
            "kind",
            unique=True,
            postgresql_where=text("kind IN ('authorised', 'captured', 'voided')"),
        ),
        Index("ledger_entries_payment", "payment_id", "id"),
        CheckConstraint("amount > 0", name="ledger_entries_amount_positive"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"))
    order_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(20))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    gateway_object: Mapped[str] = mapped_column(Text)
    """Id of the gateway's object that it happened to: an intent, a refund or a dispute."""
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
