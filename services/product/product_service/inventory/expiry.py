"""Giving back what forgotten orders hold, as a task that comes back again and again."""

from datetime import timedelta

from storefront_common.database import Database
from storefront_common.tasks import Reschedule, Task

from product_service.inventory import reservations

KIND = "inventory.expire"

_LOOK_EVERY = timedelta(minutes=10)


class Expiry:
    """Looks for reservations that have lasted too long."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, task: Task) -> None:
        """Give back all that has expired, one order a transaction; look again after a while."""
        while await self._database.write(reservations.expire) is not None:
            pass
        raise Reschedule(_LOOK_EVERY)
