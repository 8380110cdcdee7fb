"""The shared tables as steps of migrations. A step never changes once it is released: a later one follows it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

_NOW = sa.text("now()")


def create_v1(*, idempotency: bool = True) -> None:
    """Create outbox, inbox, tasks and idempotency keys, in a service's own migration.

    Args:
        idempotency: False where an earlier migration has created `idempotency_keys`.
    """
    op.create_table(
        "outbox",
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("id", sa.Uuid, nullable=False, unique=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("aggregateversion", sa.Integer, nullable=False),
        sa.Column("dataversion", sa.Integer, nullable=False),
        sa.Column("data", postgresql.JSONB, nullable=False),
        sa.Column("headers", postgresql.JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("leased_until", sa.DateTime(timezone=True)),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
    )
    op.create_index("outbox_unsent", "outbox", ["position"], postgresql_where=sa.text("sent_at IS NULL"))
    op.create_index("outbox_sent_at", "outbox", ["sent_at"], postgresql_where=sa.text("sent_at IS NOT NULL"))
    op.create_table(
        "inbox",
        sa.Column("event_id", sa.Uuid, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    )
    op.create_index("inbox_received_at", "inbox", ["received_at"])
    op.create_table(
        "tasks",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("payload", postgresql.JSONB, nullable=False),
        sa.Column("headers", postgresql.JSONB, nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("lease", sa.Uuid),
        sa.Column("leased_until", sa.DateTime(timezone=True)),
        sa.Column("asked_again", sa.DateTime(timezone=True)),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("last_error", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.UniqueConstraint("kind", "key", name="tasks_kind_key"),
    )
    op.create_index("tasks_run_at", "tasks", ["run_at"])
    if idempotency:
        op.create_table(
            "idempotency_keys",
            sa.Column("key", sa.String(255), primary_key=True),
            sa.Column("request_digest", sa.LargeBinary, nullable=False),
            sa.Column("answer", postgresql.JSONB),
            sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        )
        op.create_index("idempotency_keys_created_at", "idempotency_keys", ["created_at"])
