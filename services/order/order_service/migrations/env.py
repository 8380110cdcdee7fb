"""Runs migrations on the connection that `storefront_common.database.migration` hands over."""

from alembic import context
from sqlalchemy import Connection

from order_service.all_tables import METADATA

if context.is_offline_mode():
    raise SystemExit("offline migrations are not supported: run `order-service migrate`")

connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, transaction_per_migration=False)
context.run_migrations()
