"""Tables of shipping quotes."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Index, Integer, String, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from order_service.tables import Table


class ShippingQuote(Table):
    """What shipping one cart to one address costs, for as long as the offer stands."""

    __tablename__ = "shipping_quotes"
    __table_args__ = (
        Index("shipping_quotes_expires", "expires_at"),
        Index("shipping_quotes_cart", "cart_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    cart_id: Mapped[str] = mapped_column(String(64))
    cart_version: Mapped[int] = mapped_column(Integer)
    destination: Mapped[dict[str, Any]] = mapped_column(JSONB)
    rates: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    """As `schemas.Rate`."""
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
