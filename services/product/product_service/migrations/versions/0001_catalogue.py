"""The catalogue: products, categories, idempotency keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NOW = sa.text("now()")
# Copied from catalogue/tables.py as it was: a migration does not change with the code.
TEXT = (
    "lower(regexp_replace((name || ' ' || sku || ' ' || description) COLLATE \"und-x-icu\", "
    "'[^[:alnum:]]+', ' ', 'g'))"
)
WORDS = f"to_tsvector('simple', {TEXT}) || to_tsvector('english', {TEXT})"


def upgrade() -> None:
    """Create the tables and the indexes behind every sort order."""
    op.create_table(
        "categories",
        sa.Column("slug", sa.String(60), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
    )
    op.create_table(
        "products",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("sku", sa.String(40), nullable=False, unique=True),
        sa.Column("name", sa.Text(collation="und-x-icu"), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("category", sa.String(60), sa.ForeignKey("categories.slug"), nullable=False),
        sa.Column("price_amount", sa.BigInteger, nullable=False),
        sa.Column("price_currency", sa.String(3), nullable=False),
        sa.Column("stock", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("search", postgresql.TSVECTOR, sa.Computed(WORDS, persisted=True), nullable=False),
        sa.CheckConstraint("price_amount >= 0", name="products_price_not_negative"),
        sa.CheckConstraint("stock >= 0", name="products_stock_not_negative"),
    )
    for order, column in (("newest", "created_at"), ("price", "price_amount"), ("name", "name")):
        op.create_index(f"products_{order}", "products", [column, "id"])
        op.create_index(f"products_category_{order}", "products", ["category", column, "id"])
    op.create_index(
        "products_search",
        "products",
        ["search"],
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("request_digest", sa.LargeBinary, nullable=False),
        sa.Column("answer", postgresql.JSONB),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
    )
    op.create_index("idempotency_keys_created_at", "idempotency_keys", ["created_at"])
