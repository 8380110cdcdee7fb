"""Tables of carts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, Integer, String, func
from sqlalchemy.orm import Mapped, mapped_column

from order_service.tables import Table


class Cart(Table):
    """A cart: of whoever knows its id, or of one customer."""

    __tablename__ = "carts"
    __table_args__ = (Index("carts_touched", "touched_at"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Cannot be guessed: who knows it may use a cart that nobody owns."""
    owner: Mapped[str | None] = mapped_column(String(255), unique=True)
    """The customer's subject; None: nobody is signed in."""
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    """Grows with every change of its lines."""
    touched_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    """When it was last changed."""


class CartLine(Table):
    """So many of a product in a cart."""

    __tablename__ = "cart_lines"
    __table_args__ = (CheckConstraint("quantity > 0", name="cart_lines_quantity_positive"),)

    cart_id: Mapped[str] = mapped_column(ForeignKey("carts.id", ondelete="CASCADE"), primary_key=True)
    product_id: Mapped[UUID] = mapped_column(primary_key=True)
    quantity: Mapped[int] = mapped_column(Integer)
    seen_price_amount: Mapped[int] = mapped_column(BigInteger)
    """What one cost when the line was added or last changed."""
    added_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
