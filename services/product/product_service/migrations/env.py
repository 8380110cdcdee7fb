"""Runs migrations on the connection that `storefront_common.database.migration` hands over."""

from alembic import context
from sqlalchemy import Connection

from product_service.catalogue import tables as _catalogue  # noqa: F401 registers its tables
from product_service.inventory import tables as _inventory  # noqa: F401
from product_service.tables import Table

if context.is_offline_mode():
    raise SystemExit("offline migrations are not supported: run `product-service migrate`")

connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Table.metadata, transaction_per_migration=False)
context.run_migrations()
