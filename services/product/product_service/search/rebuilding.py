"""Building the index anew from the database, step by step: each step is a task, so a crash costs one step.

`product-service reindex` takes the same steps in one go.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import tasks
from storefront_common.database import Database
from storefront_common.tasks import Reschedule, Task

from product_service.catalogue import repository as catalogue
from product_service.search.connection import SearchRefusedError, SearchUnavailableError
from product_service.search.documents import MAPPING_VERSION, document
from product_service.search.index import Entry, SearchIndex, age
from product_service.search.indexing import WAIT

logger = structlog.stdlib.get_logger(__name__)

START = "search.rebuild"
STEP = "search.rebuild-step"
KEEP = "search.keep"

_BATCH = 500
_LOOK_EVERY = timedelta(seconds=60)
_ABANDONED = timedelta(hours=1)
"""An index that is still being filled after this time was left behind by a command that was stopped."""


@asynccontextmanager
async def _waiting() -> AsyncIterator[None]:
    """While Elasticsearch is away, a task waits; that is no failure of the task."""
    try:
        yield
    except SearchUnavailableError:
        raise Reschedule(WAIT) from None


async def ask(session: AsyncSession) -> None:
    """Have the index built anew once the transaction of `session` is committed."""
    await tasks.enqueue(session, START, "", {})


class Rebuilding:
    """Builds the index anew, and sees to it that there is one."""

    def __init__(self, database: Database, index: SearchIndex) -> None:
        self._database = database
        self._index = index

    async def start(self, task: Task) -> None:
        """Begin a new index."""
        async with _waiting():
            name = await self._index.begin()
        await self._enqueue_step(name, None)

    async def step(self, task: Task) -> None:
        """Copy a batch of products into the new index; after the last one, let searches use it."""
        name, after = task.payload["index"], task.payload["after"]
        async with _waiting():
            if (await self._index.condition()).next != name:
                logger.info("re-index given up for a later one", index=name)
                return
            last = await self._copy(None if after is None else UUID(after))
            if last is None:
                await self._finish(name)
                return
        await self._enqueue_step(name, last)

    async def keep(self, task: Task) -> None:
        """Have an index built when there is none, or one that an older image has built; looks again after a while."""
        async with _waiting():
            condition = await self._index.condition()
            following = condition.next
            if following is not None and age(following) > _ABANDONED:
                await self._index.remove(following)
                following = None
        if following is None and condition.mapping_version < MAPPING_VERSION:
            await self._database.write(ask)
        raise Reschedule(_LOOK_EVERY)

    async def run(self) -> str:
        """Build it now, from the first step to the last; the name of the new index.

        Raises:
            SearchUnavailableError, DatabaseUnavailableError: it could not be finished; searches use the old one.
            SearchRefusedError: another one was begun meanwhile.
        """
        name = await self._index.begin()
        after: UUID | None = None
        while True:
            after = await self._copy(after)
            if after is None:
                break
        await self._index.finish(name)
        return name

    async def _finish(self, name: str) -> None:
        try:
            await self._index.finish(name)
        except SearchRefusedError:
            # Done before, by a task whose process died; or given up for a later one.
            condition = await self._index.condition()
            if name in (condition.current, condition.next):
                raise
        logger.info("search index built", index=name)

    async def _copy(self, after: UUID | None) -> UUID | None:
        """The id of the last product of the batch behind `after`; None when that was the last batch."""
        products = await self._database.read(lambda session: catalogue.batch(session, after, _BATCH))
        await self._index.fill(
            [
                Entry(str(product.id), product.revision, document(product, category_name))
                for product, category_name in products
            ]
        )
        return products[-1][0].id if len(products) == _BATCH else None

    async def _enqueue_step(self, name: str, after: UUID | None) -> None:
        payload = {"index": name, "after": None if after is None else str(after)}
        await self._database.write(
            lambda session: tasks.enqueue(session, STEP, f"{name} {payload['after']}", payload)
        )
