"""The command `notification-service`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from storefront_common import command_line
from storefront_common.command_line import Parts, ServiceCommand

from notification_service import preview
from notification_service.application import workers

NAME = "notification"


@asynccontextmanager
async def _parts() -> AsyncIterator[Parts]:
    async with workers(NAME) as running:
        # Nobody calls this service: it has the operations port alone.
        yield Parts(workers=running)


COMMAND = ServiceCommand(
    name=NAME,
    description="The Storefront's notification service",
    parts=_parts,
    commands=[preview.COMMAND],
)


def main() -> None:
    """Run the command line; exit code 1 when it could not be done, 2 when it was given wrong."""
    command_line.run(COMMAND)
