"""Keeping the index like the database: a change is noted as a task, which reads the product as it is then."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import tasks
from storefront_common.database import Database
from storefront_common.tasks import Reschedule, Task

from product_service.catalogue import repository as catalogue
from product_service.search.connection import SearchUnavailableError
from product_service.search.documents import document, removed
from product_service.search.index import Entry, SearchIndex

KIND = "search.index"

WAIT = timedelta(seconds=5)
"""How long work for Elasticsearch waits while it is away."""


async def ask(session: AsyncSession, product_id: UUID) -> None:
    """Have the product indexed once the transaction is committed; while Elasticsearch is away, that waits."""
    await tasks.enqueue(session, KIND, str(product_id), {})


class Indexing:
    """Puts products into the index, one at a time."""

    def __init__(self, database: Database, index: SearchIndex) -> None:
        self._database = database
        self._index = index

    async def index(self, task: Task) -> None:
        """Make the index show the product as it is now."""
        product_id = UUID(task.key)
        found = await self._database.read(lambda session: catalogue.find_with_category(session, product_id))
        if found is not None:
            product, category_name = found
            entry = Entry(task.key, product.revision, document(product, category_name))
        else:
            revision = await self._database.read(
                lambda session: catalogue.removed_revision(session, product_id)
            )
            if revision is None:
                return
            entry = Entry(task.key, revision, removed())
        try:
            await self._index.put([entry])
        except SearchUnavailableError:
            # No failure of this task: waiting longer and longer would only keep the index behind.
            raise Reschedule(WAIT) from None
