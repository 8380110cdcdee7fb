"""Access to the service's PostgreSQL database that fails fast and comes back by itself."""

from storefront_common.database.failures import DatabaseUnavailableError, MigrationError
from storefront_common.database.schema import Schema
from storefront_common.database.transactions import Database

__all__ = ["Database", "DatabaseUnavailableError", "MigrationError", "Schema"]
