"""Telling all products again, so that every copy of them can be built anew.

It goes batch by batch, each in a transaction of its own. As a task, every batch is one, which asks for the next.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import tasks
from storefront_common.database import Database
from storefront_common.tasks import Task

from product_service.catalogue import events, repository

KIND = "republish"

_BATCH = 200
_REMOVED = "removed"


async def republish_batch(session: AsyncSession, after: UUID | None) -> tuple[int, UUID | None]:
    """Tell the products behind the id `after`: how many, and the last one's id if there may be more."""
    products = [product for product, _ in await repository.batch(session, after, _BATCH)]
    for product in products:
        await events.publish_changed(session, product)
    return len(products), products[-1].id if len(products) == _BATCH else None


async def republish_removed_batch(session: AsyncSession, after: UUID | None) -> tuple[int, UUID | None]:
    """The same for products that were removed: for whoever still has them."""
    removed = await repository.removed_batch(session, after, _BATCH)
    for product in removed:
        await events.publish_removed(session, product.id, product.sku, product.revision)
    return len(removed), removed[-1].id if len(removed) == _BATCH else None


class Republishing:
    """Tells all products again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> tuple[int, int]:
        """Tell them all now; how many products, and how many that were removed.

        Raises:
            DatabaseUnavailableError: some may have been told.
        """
        told = [0, 0]
        for number, batch in enumerate((republish_batch, republish_removed_batch)):
            after: UUID | None = None
            while True:
                count, after = await self._database.write(
                    lambda session, batch=batch, after=after: batch(session, after)  # type: ignore[misc]
                )
                told[number] += count
                if after is None:
                    break
        return told[0], told[1]

    async def step(self, task: Task) -> None:
        """Tell one batch, and ask for the next."""
        after = UUID(task.payload["after"]) if "after" in task.payload else None
        part = task.payload.get("part", "")
        batch = republish_removed_batch if part == _REMOVED else republish_batch
        run = task.key.partition(" ")[0]

        async def tell(session: AsyncSession) -> None:
            _, last = await batch(session, after)
            if last is not None:
                payload = {"part": part, "after": str(last)}
                await tasks.enqueue(session, KIND, f"{run} {part} {last}", payload)
            elif part != _REMOVED:
                await tasks.enqueue(session, KIND, f"{run} {_REMOVED}", {"part": _REMOVED})

        await self._database.write(tell)
