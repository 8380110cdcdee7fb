"""What other services hear about profiles."""

from functools import partial
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.database import Database
from storefront_common.events import UserChanged
from storefront_common.messaging import outbox

from user_service.profiles.tables import User

_AT_ONCE = 100


async def publish(session: AsyncSession, user: User) -> None:
    """Tell what `user` looks like now, once the transaction is committed."""
    changed = UserChanged(
        subject=user.subject, email=user.email or "", name=user.name or "", blocked=user.blocked
    )
    await outbox.add(session, changed, subject=user.subject, version=user.version)


async def republish(database: Database) -> int:
    """Tell about every user anew, so that other services' copies can be rebuilt; how many users there are.

    Versions stay: who has the newest already ignores it.
    """
    told = 0
    batch = await database.write(_republish_some)
    while batch:
        told += len(batch)
        batch = await database.write(partial(_republish_some, after=batch[-1]))
    return told


async def _republish_some(session: AsyncSession, after: UUID | None = None) -> list[UUID]:
    statement = select(User).order_by(User.id).limit(_AT_ONCE)
    if after is not None:
        statement = statement.where(User.id > after)
    # Nobody is erased between being read and being told about.
    users = list((await session.execute(statement.with_for_update(read=True, key_share=True))).scalars())
    for user in users:
        await publish(session, user)
    return [user.id for user in users]
