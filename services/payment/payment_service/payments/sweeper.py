"""Looks for payments about which nothing was heard for long: a task that is lost must not be a payment that is lost."""

import asyncio
import random
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.database import Database, DatabaseUnavailableError

from payment_service.payments import repository, service

logger = structlog.stdlib.get_logger(__name__)

_EVERY_SECONDS = 120.0
_QUIET = timedelta(minutes=5)
_AT_ONCE = 100


class Sweeper:
    """A worker that has unsettled payments settled; where a task waits already, that changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            try:
                await self._database.write(sweep)
            except DatabaseUnavailableError as error:
                logger.warning("payments are not looked after", reason=str(error.failure))
            await asyncio.sleep(_EVERY_SECONDS * random.uniform(0.75, 1.25))


async def sweep(session: AsyncSession) -> None:
    """Have the quiet ones settled."""
    for payment_id in await repository.unsettled(session, _AT_ONCE, service.utc_now() - _QUIET):
        await service.settle_soon(session, payment_id)
