"""`storefront-standin payments`."""

import argparse
import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import Response

from storefront_standins import application
from storefront_standins.faults import FaultSwitch
from storefront_standins.payments import api, pages, rehearsals
from storefront_standins.payments.disputes import Disputes
from storefront_standins.payments.errors import GatewayError
from storefront_standins.payments.events import Journal
from storefront_standins.payments.faults import PaymentFaults
from storefront_standins.payments.intents import Intents
from storefront_standins.payments.protocol import Protocol
from storefront_standins.payments.refunds import Refunds
from storefront_standins.payments.store import Store
from storefront_standins.payments.webhooks import Webhooks

PORT = 12111


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this stand-in needs to know."""
    parser.add_argument(
        "--state", type=Path, metavar="FILE", help="SQLite file that keeps the state; else memory"
    )
    parser.add_argument(
        "--public-url",
        default=f"http://127.0.0.1:{PORT}",
        help="where the payer's browser finds this stand-in (%(default)s)",
    )
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="file with the valid API keys; else every sk_test_ key is valid",
    )
    parser.add_argument("--webhook-url", metavar="URL", help="where webhooks go; else there are none")
    parser.add_argument(
        "--webhook-secret-file", type=Path, metavar="FILE", help="file with the secrets that sign webhooks"
    )


def create_application(arguments: argparse.Namespace) -> FastAPI:
    """The application for the command's arguments."""
    faults = FaultSwitch(PaymentFaults())
    store = Store(arguments.state)
    journal = Journal(store, faults)
    webhooks: Webhooks | None = None
    if arguments.webhook_url is not None:
        if arguments.webhook_secret_file is None:
            raise SystemExit("--webhook-url needs --webhook-secret-file: webhooks are signed")
        webhooks = Webhooks(store, faults, arguments.webhook_url, arguments.webhook_secret_file)
        journal.announce = webhooks.announce

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        delivery = asyncio.create_task(webhooks.run()) if webhooks else None
        yield
        if delivery is not None:
            delivery.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await delivery
        store.close()

    failure = GatewayError(500, "api_error", "A fault is switched on.")
    app = application.create(
        "Payment sandbox",
        faults,
        faulty_prefix="/v1/",
        failure=Response(json.dumps(failure.body), failure.status, media_type="application/json"),
        lifespan=lifespan,
    )
    disputes = Disputes(store, journal)
    intents = Intents(store, journal, disputes, arguments.public_url)
    refunds = Refunds(store, journal)
    app.include_router(api.router(Protocol(store, journal, arguments.key_file), store, intents, refunds))
    app.include_router(rehearsals.router(store, disputes, refunds, webhooks))
    app.include_router(pages.router(store, intents))

    @app.exception_handler(GatewayError)
    async def refused(request: Request, error: GatewayError) -> Response:
        return Response(json.dumps(error.body), error.status, media_type="application/json")

    return app
