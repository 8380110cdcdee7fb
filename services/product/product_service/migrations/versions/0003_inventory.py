"""Reservations, stock movements, variants, archived products; and every product is told to the other services.

An image of revision 0001 goes on working: it leaves the new columns at their defaults, and shows and sets the whole
stock where later images mean what is not reserved. Only this it can no longer do: set a stock below what is reserved.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NOW = sa.text("now()")


def upgrade() -> None:
    """Add columns with defaults, then the new tables."""
    for column in (
        sa.Column("reserved", sa.Integer, nullable=False, server_default="0"),
        sa.Column("stock_version", sa.Integer, nullable=False, server_default="0"),
        sa.Column("weight_grams", sa.Integer, nullable=False, server_default="500"),
        sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("linked_picture", sa.Text),
        sa.Column("variant_group", sa.String(60)),
        sa.Column("options", postgresql.JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    ):
        op.add_column("products", column)
    op.create_check_constraint("products_reserved_not_negative", "products", "reserved >= 0")
    op.create_check_constraint("products_reserved_in_stock", "products", "reserved <= stock")
    op.create_index(
        "products_variant",
        "products",
        ["variant_group", "options"],
        unique=True,
        postgresql_where=sa.text("variant_group IS NOT NULL AND active"),
    )
    op.create_index(
        "products_variant_group",
        "products",
        ["variant_group"],
        postgresql_where=sa.text("variant_group IS NOT NULL"),
    )
    op.create_table(
        "removed_products",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("sku", sa.String(40), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
    )
    op.create_table(
        "reservations",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("rejection", postgresql.JSONB),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
    )
    op.create_index(
        "reservations_expiry",
        "reservations",
        ["expires_at"],
        postgresql_where=sa.text("state = 'reserved'"),
    )
    op.create_table(
        "reservation_lines",
        sa.Column(
            "order_id",
            sa.Uuid,
            sa.ForeignKey("reservations.order_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("sku", sa.String(40), primary_key=True),
        sa.Column("product_id", sa.Uuid, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
    )
    op.create_index("reservation_lines_product", "reservation_lines", ["product_id"])
    op.create_table(
        "stock_movements",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("product_id", sa.Uuid, nullable=False),
        sa.Column("sku", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("change", sa.Integer, nullable=False),
        sa.Column("stock_after", sa.Integer, nullable=False),
        sa.Column("reason", sa.String(20)),
        sa.Column("note", sa.Text),
        sa.Column("order_id", sa.Uuid),
        sa.Column("actor", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
    )
    op.create_index("stock_movements_sku", "stock_movements", ["sku", "id"])
    # Products that were there before there were events. Once more later: until the rollout is over, older images
    # change products without telling anybody.
    op.execute(
        "INSERT INTO tasks (kind, key, payload, headers, run_at) "
        "SELECT 'republish', run.key, '{}', '{}', now() + run.delay "
        "FROM (VALUES ('0003', interval '0'), ('0003-late', interval '30 minutes')) AS run (key, delay) "
        "WHERE EXISTS (SELECT 1 FROM products)"
    )
