"""Runs migrations on the connection that `storefront_common.database.migration` hands over."""

from alembic import context
from sqlalchemy import Connection

from user_service.addresses import tables as _addresses  # noqa: F401 registers its tables
from user_service.administration import tables as _administration  # noqa: F401
from user_service.erasure import tables as _erasure  # noqa: F401
from user_service.exports import tables as _exports  # noqa: F401
from user_service.profiles import tables as _profiles  # noqa: F401
from user_service.tables import Table

if context.is_offline_mode():
    raise SystemExit("offline migrations are not supported: run `user-service migrate`")

connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Table.metadata, transaction_per_migration=False)
context.run_migrations()
