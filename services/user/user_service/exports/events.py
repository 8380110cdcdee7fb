"""What other services hand over for exports, and what is done when they do not, or when time is over."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.database import Database
from storefront_common.events import Event, UserDataExported
from storefront_common.tasks import Handler, Reschedule, Task

from user_service.exports import service


async def on_data_exported(session: AsyncSession, event: Event[UserDataExported]) -> None:
    """A service hands over what it holds."""
    await service.note_answer(session, event.data.request_id, event.data.service, event.data.data)


def tender(database: Database) -> Handler:
    """The handler of the task `export.tend`: asks again until all have answered, and removes the export in the end."""

    async def tend(task: Task) -> None:
        again = await database.write(lambda session: service.tend(session, UUID(task.key)))
        if again is not None:
            raise Reschedule(max(again - datetime.now(UTC), service.SHORTEST_PAUSE))

    return tend
