"""Tables of the inventory. The amounts themselves, `stock` and `reserved`, are columns of the product."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, Identity, Index, Integer, String, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from product_service.tables import Table


class State(StrEnum):
    """What has become of an order's reservation. Only `RESERVED` holds anything."""

    RESERVED = "reserved"
    """Put aside until the order is paid or cancelled."""
    REJECTED = "rejected"
    """Never put aside: something was missing, or had another price."""
    COMMITTED = "committed"
    """Paid: gone from the stock."""
    RELEASED = "released"
    """The order was cancelled; also when that was heard before the order itself. Nothing comes after it."""
    EXPIRED = "expired"
    """Given back because nothing was heard for days."""
    SHORT = "short"
    """Paid after it had expired, and meanwhile somebody else has bought it: a person has to help."""


class Movement(StrEnum):
    """Why an amount of stock changed."""

    CREATED = "created"
    """The product came with it."""
    EDITED = "edited"
    """Somebody set the product's stock."""
    ADJUSTED = "adjusted"
    """Somebody counted, received or wrote off."""
    SOLD = "sold"
    """An order was paid."""
    RETURNED = "returned"
    """A paid order was cancelled before it was shipped."""


class Reservation(Table):
    """What an order asked for, and what became of that."""

    __tablename__ = "reservations"
    __table_args__ = (
        Index("reservations_expiry", "expires_at", postgresql_where=text("state = 'reserved'")),
    )

    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(10))
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    rejection: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Reason and lines of a rejection, as the event told them."""
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ReservationLine(Table):
    """How many of one product an order reserves; an order's lines of one product are one of these."""

    __tablename__ = "reservation_lines"
    # For "was it ever ordered".
    __table_args__ = (Index("reservation_lines_product", "product_id"),)

    order_id: Mapped[UUID] = mapped_column(
        ForeignKey("reservations.order_id", ondelete="CASCADE"), primary_key=True
    )
    sku: Mapped[str] = mapped_column(String(40), primary_key=True)
    # No foreign key: an order remembers what is no longer in the catalogue.
    product_id: Mapped[UUID] = mapped_column()
    quantity: Mapped[int] = mapped_column(Integer)


class StockMovement(Table):
    """A change of what is in the shop's hands. Rows are only ever added."""

    __tablename__ = "stock_movements"
    __table_args__ = (Index("stock_movements_sku", "sku", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    product_id: Mapped[UUID] = mapped_column()
    sku: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(10))
    change: Mapped[int] = mapped_column(Integer)
    stock_after: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str | None] = mapped_column(String(20))
    note: Mapped[str | None] = mapped_column(Text)
    order_id: Mapped[UUID | None] = mapped_column()
    actor: Mapped[str | None] = mapped_column(Text)
    """Subject of the administrator; None when an order caused it."""
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
