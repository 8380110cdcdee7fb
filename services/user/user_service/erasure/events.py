"""What other services say about erasures, and what is done when they say nothing."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.database import Database
from storefront_common.events import Event, UserDataErased
from storefront_common.tasks import Handler, Reschedule, Task

from user_service.erasure import service


async def on_data_erased(session: AsyncSession, event: Event[UserDataErased]) -> None:
    """A service has forgotten the person."""
    await service.note_answer(session, event.data.request_id, event.data.service)


def reminder(database: Database) -> Handler:
    """The handler of the task `erasure.remind`: asks again until all have answered."""

    async def remind(task: Task) -> None:
        if await database.write(lambda session: service.ask_again(session, UUID(task.key))):
            raise Reschedule(service.REMIND_AFTER)

    return remind
