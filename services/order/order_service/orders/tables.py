"""Tables of orders.

Lists are read by keyset, so each of them has an index that ends in the unique id.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Sequence,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from order_service.tables import Table

SERIAL = Sequence("order_serial", metadata=Table.metadata)
"""Numbers the orders; `numbers.number` hides how many there are."""


class Order(Table):
    """An order. Amounts are in minor units of `currency`."""

    __tablename__ = "orders"
    __table_args__ = (
        # A checkout of one version of a cart gives one order, however often it is sent.
        UniqueConstraint("cart_id", "cart_version", name="orders_one_per_checkout"),
        CheckConstraint("subtotal + shipping = total", name="orders_total_adds_up"),
        CheckConstraint("captured >= 0 AND refunded >= 0", name="orders_amounts_not_negative"),
        Index("orders_newest", "placed_at", "id"),
        Index("orders_customer_newest", "customer_subject", "placed_at", "id"),
        Index("orders_email_newest", text("lower(customer_email)"), "placed_at", "id"),
        Index("orders_state_newest", "state", "placed_at", "id"),
        # What the sweeper looks for: few at any time.
        Index("orders_waiting", "tell_again_at", postgresql_where=text("tell_again_at IS NOT NULL")),
        Index("orders_unpaid", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(16), unique=True)
    state: Mapped[str] = mapped_column(String(20))
    version: Mapped[int] = mapped_column(Integer)
    """Grows with every change; each event about the order has a version of its own."""

    customer_subject: Mapped[str | None] = mapped_column(String(255))
    """None after the customer's data was erased."""
    customer_email: Mapped[str] = mapped_column(Text)
    customer_name: Mapped[str] = mapped_column(Text)
    address: Mapped[dict[str, Any]] = mapped_column(JSONB)

    currency: Mapped[str] = mapped_column(String(3))
    subtotal: Mapped[int] = mapped_column(BigInteger)
    shipping: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int] = mapped_column(BigInteger)

    cart_id: Mapped[str] = mapped_column(String(64))
    cart_version: Mapped[int] = mapped_column(Integer)

    rate_id: Mapped[str | None] = mapped_column(Text)
    """The shipping API's id of the rate; None when the flat rate applied."""
    shipping_carrier: Mapped[str] = mapped_column(Text)
    shipping_service: Mapped[str] = mapped_column(Text)

    payment_method: Mapped[str | None] = mapped_column(Text)
    """The gateway's token; forgotten when it is not needed any more."""
    payment_expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Nothing is charged after this; None: the payment is not asked for yet."""
    payment_id: Mapped[UUID | None]
    payment_version: Mapped[int] = mapped_column(BigInteger, server_default="0")
    captured: Mapped[int] = mapped_column(BigInteger, server_default="0")
    refunded: Mapped[int] = mapped_column(BigInteger, server_default="0")
    refunds: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    """The refunds that were heard of: `{"id", "amount"}`."""
    voided: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    action: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What the customer must do for the bank, as `lifecycle.Action`; only in state action_required."""

    carrier: Mapped[str | None] = mapped_column(Text)
    tracking_number: Mapped[str | None] = mapped_column(Text)
    label_url: Mapped[str | None] = mapped_column(Text)
    cancel_reason: Mapped[str | None] = mapped_column(String(30))

    placed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    state_since: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """An order that is not paid by then is cancelled; None: it is paid or cancelled."""
    tell_again_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When its last event is published once more; None: it waits for nobody's answer."""
    tellings: Mapped[int] = mapped_column(Integer, server_default="0")
    """How often the last event was published again: each time is later than the one before."""


class OrderLine(Table):
    """So many of a product, as it was when it was ordered."""

    __tablename__ = "order_lines"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    product_id: Mapped[UUID]
    sku: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(Text)
    quantity: Mapped[int] = mapped_column(Integer)
    unit_price: Mapped[int] = mapped_column(BigInteger)
    weight_grams: Mapped[int] = mapped_column(Integer)


class HistoryEntry(Table):
    """One change of an order; never changed itself."""

    __tablename__ = "order_history"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    """The order's version after it."""
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    trigger: Mapped[str] = mapped_column(String(40))
    from_state: Mapped[str | None] = mapped_column(String(20))
    to_state: Mapped[str] = mapped_column(String(20))
    cause: Mapped[str] = mapped_column(Text)
    """Who or what: `customer`, `admin <subject>`, `sweeper`, `event <id>`, …"""
    detail: Mapped[str | None] = mapped_column(Text)
