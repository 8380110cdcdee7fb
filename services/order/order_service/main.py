"""The command `order-service`."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from storefront_common import command_line, settings
from storefront_common.cache import RedisConnection
from storefront_common.command_line import ExtraCommand, Parts, ServiceCommand
from storefront_common.database import Database
from storefront_common.external import ExternalSystem
from storefront_common.messaging.broker import Broker
from storefront_common.messaging.consumer import Consumer
from storefront_common.messaging.outbox import OutboxRelay
from storefront_common.tasks import TaskRunner

from order_service.application import create_application
from order_service.cache import Cache
from order_service.components import Components
from order_service.settings import OrderSettings, ShippingSettings
from order_service.shipping.http_provider import HttpShipping

NAME = "order"
MIGRATIONS = "order_service.migrations"


@asynccontextmanager
async def _parts() -> AsyncIterator[Parts]:
    database_settings = settings.load(settings.DatabaseSettings)
    broker_settings = settings.load(settings.BrokerSettings)
    redis_settings = settings.load(settings.RedisSettings)
    gateway = settings.load(settings.GatewaySettings)
    shipping_settings = settings.load(ShippingSettings)
    own = settings.load(OrderSettings)
    database = Database(database_settings, NAME)
    broker = Broker(broker_settings, NAME)
    redis = RedisConnection(redis_settings)
    shipping = ExternalSystem("shipping", shipping_settings)
    provider = HttpShipping(shipping, shipping_settings) if shipping.is_configured else None
    components = Components(database, Cache(redis), provider, own)
    try:
        yield Parts(
            api=create_application(components, gateway),
            database=database,
            workers={
                "consumer": Consumer(NAME, database, broker, components.event_handlers()),
                "outbox": OutboxRelay(database, broker),
                "tasks": TaskRunner(database, components.task_handlers()),
            },
        )
    finally:
        await broker.close()
        await shipping.close()
        await redis.close()
        await database.close()


async def _republish(arguments: argparse.Namespace) -> None:
    # Imported only here: serving does without.
    from order_service.orders.republish import republish

    database = Database(settings.load(settings.DatabaseSettings), f"{NAME} republish")
    try:
        await republish(database, settings.load(OrderSettings), arguments.order)
    finally:
        await database.close()


def _order(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--order", required=True, help="its number (S-2K7Q9MX) or its id")


COMMAND = ServiceCommand(
    name=NAME,
    description="The Storefront's order service",
    parts=_parts,
    migrations=MIGRATIONS,
    commands=[
        ExtraCommand(
            name="republish",
            help="publish the last event of an order again, for whoever has missed it",
            run=_republish,
            add_arguments=_order,
        )
    ],
)


def main() -> None:
    """Run the command line; exit code 1 when it could not be done, 2 when it was given wrong."""
    command_line.run(COMMAND)
