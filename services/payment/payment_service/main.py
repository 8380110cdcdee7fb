"""The command `payment-service`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import command_line, settings
from storefront_common.command_line import ExtraCommand, Parts, ServiceCommand
from storefront_common.database import Database
from storefront_common.external import ExternalSystem
from storefront_common.messaging.broker import Broker
from storefront_common.messaging.consumer import Consumer
from storefront_common.messaging.outbox import OutboxRelay
from storefront_common.tasks import Task, TaskRunner

from payment_service.application import create_application
from payment_service.gateway.stripe import StripeGateway
from payment_service.handlers import HANDLERS
from payment_service.payments.service import SETTLE
from payment_service.payments.settlement import Settlement
from payment_service.payments.sweeper import Sweeper
from payment_service.reconciliation import command as reconciliation
from payment_service.refunds.execution import RefundExecution
from payment_service.refunds.service import REFUND
from payment_service.settings import GatewayApiSettings, ShopSettings
from payment_service.webhooks import service as webhooks

NAME = "payment"
MIGRATIONS = "payment_service.migrations"
GATEWAY = "payment_gateway"
"""Name of the external system in metrics and traces."""

_TASKS_AT_ONCE = 8
"""More than connections to the database: a task mostly waits for the gateway."""


@asynccontextmanager
async def _parts() -> AsyncIterator[Parts]:
    database_settings = settings.load(settings.DatabaseSettings)
    broker_settings = settings.load(settings.BrokerSettings)
    api_gateway = settings.load(settings.GatewaySettings)
    payment_gateway = settings.load(GatewayApiSettings)
    shop = settings.load(ShopSettings)
    database = Database(database_settings, NAME)
    broker = Broker(broker_settings, NAME)
    system = ExternalSystem(GATEWAY, payment_gateway)
    gateway = StripeGateway(system, payment_gateway)
    settlement = Settlement(database, gateway, str(shop.url) if shop.url else None)
    execution = RefundExecution(database, gateway)

    async def process_webhook(task: Task) -> None:
        async def work(session: AsyncSession) -> None:
            await webhooks.process(session, task.payload["eventId"])

        await database.write(work)

    handlers = {SETTLE: settlement.settle, REFUND: execution.execute, webhooks.WEBHOOK: process_webhook}
    try:
        yield Parts(
            api=create_application(database, api_gateway, payment_gateway),
            database=database,
            workers={
                "relay": OutboxRelay(database, broker),
                "consumer": Consumer(NAME, database, broker, HANDLERS),
                "tasks": TaskRunner(database, handlers, _TASKS_AT_ONCE),
                "sweeper": Sweeper(database),
            },
        )
    finally:
        await system.close()
        await broker.close()
        await database.close()


COMMAND = ServiceCommand(
    name=NAME,
    description="The Storefront's payment service",
    parts=_parts,
    migrations=MIGRATIONS,
    commands=[
        ExtraCommand(
            name="reconcile",
            help="compare the ledger with the payment gateway; exit code 1 when they differ",
            run=reconciliation.run,
            add_arguments=reconciliation.add_arguments,
        )
    ],
)


def main() -> None:
    """Run the command line; exit code 1 when it could not be done, 2 when it was given wrong."""
    command_line.run(COMMAND)
