"""Runs migrations on the connection that `storefront_common.database.migration` hands over."""

from alembic import context
from sqlalchemy import Connection

from payment_service.ledger import tables as _ledger  # noqa: F401 registers its tables
from payment_service.payments import tables as _payments  # noqa: F401
from payment_service.refunds import tables as _refunds  # noqa: F401
from payment_service.tables import Table
from payment_service.webhooks import tables as _webhooks  # noqa: F401

if context.is_offline_mode():
    raise SystemExit("offline migrations are not supported: run `payment-service migrate`")

connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Table.metadata, transaction_per_migration=False)
context.run_migrations()
