"""`payment-service reconcile`."""

import argparse
import asyncio
import json
from dataclasses import asdict
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import settings
from storefront_common.command_line import CommandError
from storefront_common.database import Database, DatabaseUnavailableError
from storefront_common.external import ExternalSystem, ExternalUnavailableError
from storefront_common.external.system import NotConfiguredError
from storefront_common.settings import SecretUnreadableError

from payment_service.gateway import PaymentGateway
from payment_service.gateway.stripe import StripeGateway
from payment_service.ledger.entries import Entry
from payment_service.ledger.tables import LedgerEntry
from payment_service.payments.service import utc_now
from payment_service.payments.tables import Payment
from payment_service.reconciliation.differences import Booked, Difference, compare
from payment_service.settings import GatewayApiSettings

_LOOKS = 4
_BETWEEN_LOOKS = 1.5
_PAGE = 5_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add how far to look back."""
    parser.add_argument(
        "--days", type=float, default=30, help="compare payments made within so many days (%(default)s)"
    )


async def run(arguments: argparse.Namespace) -> None:
    """Print every difference as one line of JSON, and how much was compared.

    Raises:
        CommandError: there are differences, or one of the sides cannot be asked.
    """
    payment_gateway = settings.load(GatewayApiSettings)
    database = Database(settings.load(settings.DatabaseSettings), "payment reconcile")
    system = ExternalSystem("payment_gateway", payment_gateway)
    since = utc_now() - timedelta(days=arguments.days)
    try:
        differences = await _lasting(database, StripeGateway(system, payment_gateway), since)
    except (
        DatabaseUnavailableError,
        ExternalUnavailableError,
        NotConfiguredError,
        SecretUnreadableError,
    ) as error:
        raise CommandError(f"nothing was compared: {error}") from error
    finally:
        await system.close()
        await database.close()
    if differences:
        raise CommandError(f"{len(differences)} differences between the ledger and the payment gateway")


async def _lasting(database: Database, gateway: PaymentGateway, since: datetime) -> list[Difference]:
    """The differences that stay: a payment that is just being made differs for a moment."""
    differences, compared = await _look(database, gateway, since)
    for _ in range(_LOOKS - 1):
        if not differences:
            break
        await asyncio.sleep(_BETWEEN_LOOKS)
        again, compared = await _look(database, gateway, since)
        differences = [difference for difference in differences if difference in again]
    for difference in differences:
        print(json.dumps({"difference": asdict(difference)}))
    print(json.dumps({"compared": compared, "differences": len(differences)}))
    return differences


async def _look(
    database: Database, gateway: PaymentGateway, since: datetime
) -> tuple[list[Difference], dict[str, int]]:
    intents = [intent async for intent in gateway.intents(since)]
    refunds = [refund async for refund in gateway.refunds(since)]
    disputes = [dispute async for dispute in gateway.disputes(since)]
    orders = {intent.order_id for intent in intents if intent.order_id is not None}
    booked = await _ledger(database, since, orders)
    compared = {
        "intents": len(intents),
        "refunds": len(refunds),
        "disputes": len(disputes),
        "entries": len(booked),
    }
    return compare(booked, intents, refunds, disputes), compared


async def _ledger(database: Database, since: datetime, orders: set[UUID]) -> list[Booked]:
    """The entries of all payments made since then, and of those `orders`, which the gateway may count in as well."""
    booked: list[Booked] = []
    last = 0

    async def page(session: AsyncSession) -> list[LedgerEntry]:
        statement = (
            select(LedgerEntry)
            .join(Payment, Payment.id == LedgerEntry.payment_id)
            .where(Payment.created_at >= since, LedgerEntry.id > last)
            .order_by(LedgerEntry.id)
            .limit(_PAGE)
        )
        return list((await session.execute(statement)).scalars())

    while entries := await database.read(page):
        last = entries[-1].id
        booked += map(_booked, entries)
    rest = sorted(orders - {entry.order_id for entry in booked})
    for start in range(0, len(rest), _PAGE):
        some = rest[start : start + _PAGE]
        statement = select(LedgerEntry).where(LedgerEntry.order_id.in_(some))
        found = await database.read(lambda session, wanted=statement: session.scalars(wanted))  # type: ignore[misc]
        booked += map(_booked, found)
    return booked


def _booked(entry: LedgerEntry) -> Booked:
    return Booked(entry.order_id, Entry(entry.kind), entry.amount, entry.currency, entry.gateway_object)
