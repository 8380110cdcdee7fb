"""Tasks that never end: they look for something again and again. Here they begin, once for all replicas."""

import asyncio
from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import tasks
from storefront_common.database import Database, DatabaseUnavailableError
from storefront_common.tasks import Handler

from product_service.catalogue import republishing
from product_service.catalogue.republishing import Republishing
from product_service.inventory import expiry
from product_service.inventory.expiry import Expiry
from product_service.search import indexing, rebuilding
from product_service.search.index import SearchIndex
from product_service.search.indexing import Indexing
from product_service.search.rebuilding import Rebuilding

_ENDLESS = (rebuilding.KEEP, expiry.KIND)
_TRY_AGAIN_SECONDS = 2.0
_LOOK_EVERY_SECONDS = 600.0


def task_handlers(database: Database, index: SearchIndex) -> Mapping[str, Handler]:
    """The handlers by kind of task."""
    rebuild = Rebuilding(database, index)
    return {
        indexing.KIND: Indexing(database, index).index,
        rebuilding.START: rebuild.start,
        rebuilding.STEP: rebuild.step,
        rebuilding.KEEP: rebuild.keep,
        republishing.KIND: Republishing(database).step,
        expiry.KIND: Expiry(database).run,
    }


class Housekeeping:
    """A worker that sees to it that there are the tasks that never end."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Look now and then until cancelled."""
        while True:
            try:
                await self._database.write(_begin)
            except DatabaseUnavailableError:
                await asyncio.sleep(_TRY_AGAIN_SECONDS)
            else:
                await asyncio.sleep(_LOOK_EVERY_SECONDS)


async def _begin(session: AsyncSession) -> None:
    for kind in _ENDLESS:
        # Enqueued again it runs at once: a look too many does no harm.
        await tasks.enqueue(session, kind, "", {})
