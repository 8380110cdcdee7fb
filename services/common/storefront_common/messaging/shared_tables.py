"""The tables that every service with a database has, besides its own.

They are the same everywhere, so the shared code speaks to them by itself; `define` makes a service's metadata know
them, too.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

_METADATA = MetaData()

outbox = Table(
    "outbox",
    _METADATA,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("id", Uuid, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("aggregateversion", Integer, nullable=False),
    Column("dataversion", Integer, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("leased_until", DateTime(timezone=True)),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("sent_at", DateTime(timezone=True)),
    Index("outbox_unsent", "position", postgresql_where=text("sent_at IS NULL")),
    Index("outbox_sent_at", "sent_at", postgresql_where=text("sent_at IS NOT NULL")),
)
"""Events that are published, or will be; `leased_until` says until when a relay has them in hand, or lets them be."""

inbox = Table(
    "inbox",
    _METADATA,
    Column("event_id", Uuid, primary_key=True),
    Column("type", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("inbox_received_at", "received_at"),
)
"""Events that are done; a second delivery finds itself here."""

idempotency_keys = Table(
    "idempotency_keys",
    _METADATA,
    Column("key", String(255), primary_key=True),
    Column("request_digest", LargeBinary, nullable=False),
    Column("answer", JSONB(none_as_null=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("idempotency_keys_created_at", "created_at"),
)
"""Creations that clients may repeat without creating again, and the answers they get."""

tasks = Table(
    "tasks",
    _METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("run_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("lease", Uuid),
    Column("leased_until", DateTime(timezone=True)),
    Column("asked_again", DateTime(timezone=True)),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("last_error", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("kind", "key", name="tasks_kind_key"),
    Index("tasks_run_at", "run_at"),
)
"""Work that is to be done. `lease` names the runner that has it in hand; `asked_again` is when it was to run once
more, when it was enqueued meanwhile."""


def define(metadata: MetaData) -> None:
    """Add the shared tables to a service's metadata, so that its migrations can be compared with it."""
    for table in _METADATA.sorted_tables:
        table.to_metadata(metadata)
