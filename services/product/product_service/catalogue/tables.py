"""Tables of the catalogue.

Lists are read by keyset, so each sort order has an index that ends in the unique id, alone and behind the category.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    func,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
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
        CheckConstraint("reserved >= 0", name="products_reserved_not_negative"),
        CheckConstraint("reserved <= stock", name="products_reserved_in_stock"),
        Index("products_newest", "created_at", "id"),
        Index("products_price", "price_amount", "id"),
        Index("products_name", "name", "id"),
        Index("products_category_newest", "category", "created_at", "id"),
        Index("products_category_price", "category", "price_amount", "id"),
        Index("products_category_name", "category", "name", "id"),
        # Searches are many, writes are few: no list of pending entries to look through each time.
        Index("products_search", "search", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
        Index(
            "products_variant",
            "variant_group",
            "options",
            unique=True,
            postgresql_where=text("variant_group IS NOT NULL AND active"),
        ),
        Index(
            "products_variant_group",
            "variant_group",
            postgresql_where=text("variant_group IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(Text(collation=NATURAL))
    description: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(ForeignKey("categories.slug"))
    price_amount: Mapped[int] = mapped_column(BigInteger)
    price_currency: Mapped[str] = mapped_column(String(3))
    stock: Mapped[int] = mapped_column(Integer)
    """What is in the shop's hands, what is reserved included."""
    reserved: Mapped[int] = mapped_column(Integer, server_default="0")
    """What of the stock is put aside for orders that are not paid yet."""
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    """Counts what people change."""
    stock_version: Mapped[int] = mapped_column(Integer, server_default="0")
    """Counts what orders and stock keeping change: they do not get in the way of somebody who edits a text."""
    weight_grams: Mapped[int] = mapped_column(Integer, server_default="500")
    active: Mapped[bool] = mapped_column(Boolean, server_default=true())
    """False: archived. It is neither listed nor sold any more, but orders and bookmarks still find it."""
    linked_picture: Mapped[str | None] = mapped_column(Text)
    """Address of a picture; None: it is drawn."""
    variant_group: Mapped[str | None] = mapped_column(String(60))
    """Products of one group are variants of each other and differ in their options."""
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    search: Mapped[str] = deferred(mapped_column(TSVECTOR, Computed(SEARCH_WORDS, persisted=True)))

    @property
    def available(self) -> int:
        """How many can be ordered."""
        return self.stock - self.reserved

    @property
    def revision(self) -> int:
        """Grows with every change whatsoever: the product's version in events, in the cache and in the index."""
        return self.version + self.stock_version


class RemovedProduct(Table):
    """What is left of a product that was removed: so that those who missed it can be told again."""

    __tablename__ = "removed_products"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(String(40))
    revision: Mapped[int] = mapped_column(Integer)
    removed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
