"""The copy of the products, fed by the product service's events."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Integer, String, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from order_service.tables import Table


class ProductCopy(Table):
    """A product as it was last heard of. One that was removed stays, so that an older event cannot bring it back."""

    __tablename__ = "products"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    """The product's version; older ones are not news."""
    sku: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(Text)
    price_amount: Mapped[int] = mapped_column(BigInteger)
    price_currency: Mapped[str] = mapped_column(String(3))
    available: Mapped[int] = mapped_column(Integer)
    """How many can be ordered, as far as is known here; the product service decides."""
    active: Mapped[bool]
    """Whether it can be bought at all; False for one that was removed."""
    picture_url: Mapped[str] = mapped_column(Text)
    weight_grams: Mapped[int] = mapped_column(Integer)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
