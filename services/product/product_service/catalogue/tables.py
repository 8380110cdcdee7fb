"""Tables of the catalogue.

Lists are read by keyset, so each sort order has an index that ends in the unique id, alone and behind the category.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, deferred, mapped_column

from product_service.tables import Table

NATURAL = "und-x-icu"
"""Collation in which people expect names: case and accents count last. It does not depend on the cluster's locale."""

# Words as they are and English stems, so that the beginning of a word is found as well as another form of it.
# Anything but letters and digits is a gap: PostgreSQL's parser would read parts of `AB-12/3.5` as numbers and paths.
SEARCH_TEXT = (
    "lower(regexp_replace((name || ' ' || sku || ' ' || description) COLLATE \"und-x-icu\", "
    "'[^[:alnum:]]+', ' ', 'g'))"
)
SEARCH_WORDS = f"to_tsvector('simple', {SEARCH_TEXT}) || to_tsvector('english', {SEARCH_TEXT})"


class Category(Table):
    """A department of the shop."""

    __tablename__ = "categories"

    slug: Mapped[str] = mapped_column(String(60), primary_key=True)
    name: Mapped[str] = mapped_column(Text)


class Product(Table):
    """Something that the shop sells."""

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("price_amount >= 0", name="products_price_not_negative"),
        CheckConstraint("stock >= 0", name="products_stock_not_negative"),
        Index("products_newest", "created_at", "id"),
        Index("products_price", "price_amount", "id"),
        Index("products_name", "name", "id"),
        Index("products_category_newest", "category", "created_at", "id"),
        Index("products_category_price", "category", "price_amount", "id"),
        Index("products_category_name", "category", "name", "id"),
        # Searches are many, writes are few: no list of pending entries to look through each time.
        Index("products_search", "search", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(Text(collation=NATURAL))
    description: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(ForeignKey("categories.slug"))
    price_amount: Mapped[int] = mapped_column(BigInteger)
    price_currency: Mapped[str] = mapped_column(String(3))
    stock: Mapped[int] = mapped_column(Integer)
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    search: Mapped[str] = deferred(mapped_column(TSVECTOR, Computed(SEARCH_WORDS, persisted=True)))
