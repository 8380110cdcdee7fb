"""The command `product-service`."""

import argparse
import asyncio
import sys

import uvloop
from storefront_common import logs, settings
from storefront_common.database import Database, MigrationError, Schema
from storefront_common.readiness import Readiness
from storefront_common.server import PortUnavailableError, serve

from product_service.application import create_application

NAME = "product"
MIGRATIONS = "product_service.migrations"


def main() -> None:
    """Run the command line; exit code 1 when it could not be done, 2 when it was given wrong."""
    parser = argparse.ArgumentParser(prog="product-service", description="The Storefront's product service")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="serve the API and the operations port until SIGTERM")
    migration = commands.add_parser("migrate", help="wait for the database and bring its schema up to date")
    migration.add_argument(
        "--sample-catalogue", action="store_true", help="add the sample products that are missing"
    )
    arguments = parser.parse_args()

    server = settings.load(settings.ServerSettings)
    database = settings.load(settings.DatabaseSettings)
    logs.configure(server.log_level)
    try:
        if arguments.command == "serve":
            uvloop.run(_serve(server, database))
        else:
            asyncio.run(_migrate(database, sample_catalogue=arguments.sample_catalogue))
    except (MigrationError, PortUnavailableError) as error:
        print(f"product-service {arguments.command}: {error}", file=sys.stderr)
        raise SystemExit(1) from None


async def _migrate(database: settings.DatabaseSettings, *, sample_catalogue: bool) -> None:
    # Imported only here: a serving process does without Alembic.
    from storefront_common.database.migration import migrate

    from product_service import sample

    await migrate(database, Schema(MIGRATIONS), NAME, then=sample.add if sample_catalogue else None)


async def _serve(server: settings.ServerSettings, database_settings: settings.DatabaseSettings) -> None:
    database = Database(database_settings, NAME)
    try:
        await serve(create_application(database), Readiness(database, Schema(MIGRATIONS)), server)
    finally:
        await database.close()
