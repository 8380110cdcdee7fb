"""Payments, refunds, webhooks, and a ledger that can only grow."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from storefront_common.messaging import shared_migrations

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NOW = sa.text("now()")


def upgrade() -> None:
    """Create the tables and what guards the ledger."""
    shared_migrations.create_v1()
    op.create_table(
        "payments",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("order_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("subject", sa.Text),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("payment_method", sa.Text),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("intent_id", sa.Text, unique=True),
        sa.Column("phase", sa.SmallInteger),
        sa.Column("client_secret", sa.Text),
        sa.Column("next_action_url", sa.Text),
        sa.Column("give_up", sa.String(20)),
        sa.Column("failure", sa.Text),
        sa.Column("asked_at", sa.DateTime(timezone=True)),
        sa.Column("closed", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.CheckConstraint("amount > 0", name="payments_amount_positive"),
    )
    op.create_index("payments_newest", "payments", ["created_at", "id"])
    op.create_index("payments_subject_newest", "payments", ["subject", "created_at", "id"])
    op.create_index("payments_state_newest", "payments", ["state", "created_at", "id"])
    op.create_index(
        "payments_unsettled",
        "payments",
        ["updated_at"],
        postgresql_where=sa.text("state IN ('pending', 'action_required', 'authorised')"),
    )
    op.create_table(
        "cancelled_orders",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
    )
    op.create_table(
        "refunds",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("payment_id", sa.Uuid, sa.ForeignKey("payments.id"), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("gateway_id", sa.Text, unique=True),
        sa.Column("failure", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.CheckConstraint("amount > 0", name="refunds_amount_positive"),
    )
    op.create_index("refunds_payment", "refunds", ["payment_id", "created_at"])
    op.create_index(
        "refunds_once_because_cancelled",
        "refunds",
        ["payment_id"],
        unique=True,
        postgresql_where=sa.text("origin = 'order_cancelled'"),
    )
    op.create_table(
        "webhook_events",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("body", postgresql.JSONB),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("processed_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.Text),
    )
    op.create_index("webhook_events_received_at", "webhook_events", ["received_at"])
    _create_ledger()


def _create_ledger() -> None:
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("payment_id", sa.Uuid, sa.ForeignKey("payments.id"), nullable=False),
        sa.Column("order_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("gateway_object", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.UniqueConstraint("kind", "gateway_object", name="ledger_entries_once"),
        sa.CheckConstraint("amount > 0", name="ledger_entries_amount_positive"),
    )
    op.create_index("ledger_entries_payment", "ledger_entries", ["payment_id", "id"])
    op.create_index(
        "ledger_entries_once_per_payment",
        "ledger_entries",
        ["payment_id", "kind"],
        unique=True,
        postgresql_where=sa.text("kind IN ('authorised', 'captured', 'voided')"),
    )
    op.execute(
        """
        CREATE FUNCTION refuse_to_change_the_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the ledger is append-only: % is refused; write a further entry', TG_OP
                USING ERRCODE = 'restrict_violation';
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_ledger()
        """
    )
