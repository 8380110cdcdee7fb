"""Carts, orders, shipping quotes, the copies of products and customers, and what all services have."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from storefront_common.messaging import shared_migrations

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NOW = sa.text("now()")


def _moment(name: str, **given: object) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), **given)  # type: ignore[arg-type]


def upgrade() -> None:
    """Create the tables, the indexes behind every list, and the task that sweeps."""
    shared_migrations.create_v1()
    _copies()
    _carts()
    _orders()
    # It puts itself off for ever: there is always exactly one.
    op.execute("INSERT INTO tasks (kind, key, payload, headers) VALUES ('sweep', 'sweep', '{}', '{}')")


def _copies() -> None:
    op.create_table(
        "products",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("sku", sa.String(40), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("price_amount", sa.BigInteger, nullable=False),
        sa.Column("price_currency", sa.String(3), nullable=False),
        sa.Column("available", sa.Integer, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("picture_url", sa.Text, nullable=False),
        sa.Column("weight_grams", sa.Integer, nullable=False),
        _moment("updated_at", nullable=False, server_default=NOW),
    )
    op.create_table(
        "customers",
        sa.Column("subject", sa.String(255), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("blocked", sa.Boolean, nullable=False),
    )
    op.create_table(
        "pending_erasures",
        sa.Column("request_id", sa.Uuid, primary_key=True),
        sa.Column("subject", sa.String(255), nullable=False),
        _moment("requested_at", nullable=False, server_default=NOW),
    )


def _carts() -> None:
    op.create_table(
        "carts",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(255), unique=True),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        _moment("touched_at", nullable=False, server_default=NOW),
    )
    op.create_index("carts_touched", "carts", ["touched_at"])
    op.create_table(
        "cart_lines",
        sa.Column("cart_id", sa.String(64), sa.ForeignKey("carts.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("product_id", sa.Uuid, primary_key=True),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("seen_price_amount", sa.BigInteger, nullable=False),
        _moment("added_at", nullable=False, server_default=NOW),
        sa.CheckConstraint("quantity > 0", name="cart_lines_quantity_positive"),
    )
    op.create_table(
        "shipping_quotes",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("cart_id", sa.String(64), nullable=False),
        sa.Column("cart_version", sa.Integer, nullable=False),
        sa.Column("destination", postgresql.JSONB, nullable=False),
        sa.Column("rates", postgresql.JSONB, nullable=False),
        _moment("expires_at", nullable=False),
        _moment("created_at", nullable=False, server_default=NOW),
    )
    op.create_index("shipping_quotes_expires", "shipping_quotes", ["expires_at"])
    op.create_index("shipping_quotes_cart", "shipping_quotes", ["cart_id"])


def _orders() -> None:
    op.execute("CREATE SEQUENCE order_serial")
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("number", sa.String(16), nullable=False, unique=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("customer_subject", sa.String(255)),
        sa.Column("customer_email", sa.Text, nullable=False),
        sa.Column("customer_name", sa.Text, nullable=False),
        sa.Column("address", postgresql.JSONB, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("subtotal", sa.BigInteger, nullable=False),
        sa.Column("shipping", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("cart_id", sa.String(64), nullable=False),
        sa.Column("cart_version", sa.Integer, nullable=False),
        sa.Column("rate_id", sa.Text),
        sa.Column("shipping_carrier", sa.Text, nullable=False),
        sa.Column("shipping_service", sa.Text, nullable=False),
        sa.Column("payment_method", sa.Text),
        _moment("payment_expires_at"),
        sa.Column("payment_id", sa.Uuid),
        sa.Column("payment_version", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("captured", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("refunded", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("refunds", postgresql.JSONB, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("voided", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("action", postgresql.JSONB),
        sa.Column("carrier", sa.Text),
        sa.Column("tracking_number", sa.Text),
        sa.Column("label_url", sa.Text),
        sa.Column("cancel_reason", sa.String(30)),
        _moment("placed_at", nullable=False, server_default=NOW),
        _moment("updated_at", nullable=False, server_default=NOW),
        _moment("state_since", nullable=False, server_default=NOW),
        _moment("expires_at"),
        _moment("tell_again_at"),
        sa.Column("tellings", sa.Integer, nullable=False, server_default="0"),
        sa.UniqueConstraint("cart_id", "cart_version", name="orders_one_per_checkout"),
        sa.CheckConstraint("subtotal + shipping = total", name="orders_total_adds_up"),
        sa.CheckConstraint("captured >= 0 AND refunded >= 0", name="orders_amounts_not_negative"),
    )
    op.create_index("orders_newest", "orders", ["placed_at", "id"])
    op.create_index("orders_customer_newest", "orders", ["customer_subject", "placed_at", "id"])
    op.create_index("orders_email_newest", "orders", [sa.text("lower(customer_email)"), "placed_at", "id"])
    op.create_index("orders_state_newest", "orders", ["state", "placed_at", "id"])
    for name, column in (("waiting", "tell_again_at"), ("unpaid", "expires_at")):
        op.create_index(
            f"orders_{name}", "orders", [column], postgresql_where=sa.text(f"{column} IS NOT NULL")
        )
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("product_id", sa.Uuid, nullable=False),
        sa.Column("sku", sa.String(40), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("unit_price", sa.BigInteger, nullable=False),
        sa.Column("weight_grams", sa.Integer, nullable=False),
    )
    op.create_table(
        "order_history",
        sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        _moment("at", nullable=False, server_default=NOW),
        sa.Column("trigger", sa.String(40), nullable=False),
        sa.Column("from_state", sa.String(20)),
        sa.Column("to_state", sa.String(20), nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("detail", sa.Text),
    )
