"""The command `product-service`."""

import argparse
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection
from storefront_common import command_line, settings
from storefront_common.cache import RedisConnection
from storefront_common.command_line import (
    CommandError,
    ExtraCommand,
    MigrationOption,
    Parts,
    ServiceCommand,
)
from storefront_common.database import Database, DatabaseUnavailableError
from storefront_common.messaging.broker import Broker
from storefront_common.messaging.consumer import Consumer
from storefront_common.messaging.outbox import OutboxRelay
from storefront_common.tasks import TaskRunner

from product_service.application import create_application
from product_service.cache import ProductCache
from product_service.catalogue.republishing import Republishing
from product_service.housekeeping import Housekeeping, task_handlers
from product_service.messages import handlers
from product_service.search.connection import (
    SearchConnection,
    SearchRefusedError,
    SearchUnavailableError,
)
from product_service.search.index import SearchIndex
from product_service.search.rebuilding import Rebuilding

NAME = "product"
MIGRATIONS = "product_service.migrations"


@asynccontextmanager
async def _parts() -> AsyncIterator[Parts]:
    database_settings = settings.load(settings.DatabaseSettings)
    gateway = settings.load(settings.GatewaySettings)
    broker_settings = settings.load(settings.BrokerSettings)
    redis_settings = settings.load(settings.RedisSettings)
    elasticsearch_settings = settings.load(settings.ElasticsearchSettings)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(_database(database_settings))
        broker = Broker(broker_settings, NAME)
        stack.push_async_callback(broker.close)
        redis = RedisConnection(redis_settings)
        stack.push_async_callback(redis.close)
        elasticsearch = SearchConnection(elasticsearch_settings)
        stack.push_async_callback(elasticsearch.close)
        cache, index = ProductCache(redis), SearchIndex(elasticsearch)
        yield Parts(
            api=create_application(database, cache, index, gateway),
            database=database,
            workers={
                "relay": OutboxRelay(database, broker),
                "consumer": Consumer(NAME, database, broker, handlers(database, cache)),
                "tasks": TaskRunner(database, task_handlers(database, index)),
                "housekeeping": Housekeeping(database),
            },
        )


@asynccontextmanager
async def _database(given: settings.DatabaseSettings) -> AsyncIterator[Database]:
    database = Database(given, NAME)
    try:
        yield database
    finally:
        await database.close()


async def _add_sample_catalogue(connection: AsyncConnection) -> None:
    from product_service import sample

    await sample.add(connection)


async def _republish(_: argparse.Namespace) -> None:
    async with _database(settings.load(settings.DatabaseSettings)) as database:
        try:
            changed, removed = await Republishing(database).run()
        except DatabaseUnavailableError as error:
            raise CommandError(f"the database is not available ({error.failure.value}): try again") from error
    print(f"{changed} products and {removed} removed products are told again")


async def _reindex(_: argparse.Namespace) -> None:
    elasticsearch = SearchConnection(settings.load(settings.ElasticsearchSettings))
    try:
        async with _database(settings.load(settings.DatabaseSettings)) as database:
            name = await Rebuilding(database, SearchIndex(elasticsearch)).run()
    except DatabaseUnavailableError as error:
        raise CommandError(f"the database is not available ({error.failure.value}): try again") from error
    except SearchUnavailableError as error:
        raise CommandError(f"searches still use the old index: {error}") from error
    except SearchRefusedError as error:
        raise CommandError(f"another re-index has begun meanwhile, or: {error}") from error
    finally:
        await elasticsearch.close()
    print(f"searches use the new index {name}")


COMMAND = ServiceCommand(
    name=NAME,
    description="The Storefront's product service",
    parts=_parts,
    migrations=MIGRATIONS,
    migration_options=[
        MigrationOption(
            flag="--sample-catalogue",
            help="add the sample products that are missing",
            then=_add_sample_catalogue,
        )
    ],
    commands=[
        ExtraCommand(
            name="republish",
            help="tell all products to the other services again, and to the search index and the cache",
            run=_republish,
        ),
        ExtraCommand(
            name="reindex",
            help="build the search index anew from the database; searches go on meanwhile",
            run=_reindex,
        ),
    ],
)


def main() -> None:
    """Run the command line; exit code 1 when it could not be done, 2 when it was given wrong."""
    command_line.run(COMMAND)
