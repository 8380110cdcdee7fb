"""The command `user-service`."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from storefront_common import command_line, settings
from storefront_common.command_line import CommandError, ExtraCommand, Parts, ServiceCommand
from storefront_common.database import Database, DatabaseUnavailableError
from storefront_common.messaging.broker import Broker

from user_service.application import create_application, create_workers
from user_service.profiles import events

NAME = "user"
MIGRATIONS = "user_service.migrations"


@asynccontextmanager
async def _parts() -> AsyncIterator[Parts]:
    gateway = settings.load(settings.GatewaySettings)
    database = Database(settings.load(settings.DatabaseSettings), NAME)
    broker = Broker(settings.load(settings.BrokerSettings), NAME)
    try:
        yield Parts(
            api=create_application(database, gateway),
            database=database,
            workers=create_workers(database, broker),
        )
    finally:
        await broker.close()
        await database.close()


async def _republish(_arguments: argparse.Namespace) -> None:
    database = Database(settings.load(settings.DatabaseSettings), NAME)
    try:
        told = await events.republish(database)
    except DatabaseUnavailableError as error:
        raise CommandError(f"{error} Run it again: telling twice does no harm.") from None
    finally:
        await database.close()
    print(f"{told} users will be told about again")


COMMAND = ServiceCommand(
    name=NAME,
    description="The Storefront's user service",
    parts=_parts,
    migrations=MIGRATIONS,
    commands=[
        ExtraCommand(
            name="republish",
            help="tell other services about every user anew, so that they can rebuild their copies",
            run=_republish,
        )
    ],
)


def main() -> None:
    """Run the command line; exit code 1 when it could not be done, 2 when it was given wrong."""
    command_line.run(COMMAND)
