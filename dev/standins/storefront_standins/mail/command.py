"""`storefront-standin mail`."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from storefront_standins import application
from storefront_standins.faults import FaultSwitch
from storefront_standins.mail import submission
from storefront_standins.mail.endpoints import router
from storefront_standins.mail.faults import MailFaults
from storefront_standins.mail.mailbox import Mailbox

PORT = 8025
SMTP_PORT = 1025


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this stand-in needs to know."""
    parser.add_argument(
        "--smtp-port", type=int, default=SMTP_PORT, help="SMTP port; 0 is any free one (%(default)s)"
    )


def create_application(arguments: argparse.Namespace) -> FastAPI:
    """The application for the command's arguments; it listens for SMTP as long as it serves."""
    mailbox = Mailbox()
    faults = FaultSwitch(MailFaults())

    @asynccontextmanager
    async def smtp(app: FastAPI) -> AsyncIterator[None]:
        server = await submission.listen(mailbox, faults, arguments.host, arguments.smtp_port)
        app.state.ports["smtpPort"] = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()

    # The faults are SMTP's; reading the mails always works.
    app = application.create("Mail stand-in", faults, faulty_prefix=(), lifespan=smtp)
    app.include_router(router(mailbox))
    return app
