"""Publishing events with the transaction that they tell of: both happen, or neither.

`add` writes the event into the transaction. `OutboxRelay` publishes what is committed.
"""

from uuid import uuid4

from opentelemetry import propagate
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from storefront_common.events import EventData
from storefront_common.messaging.relay import COMMITTED, OutboxRelay
from storefront_common.messaging.shared_tables import outbox

__all__ = ["OutboxRelay", "add"]


async def add(session: AsyncSession, data: EventData, subject: str, version: int) -> None:
    """Publish the event once the transaction of `session` is committed.

    Args:
        data: what the event tells; its class says the type.
        subject: the aggregate's id.
        version: the aggregate's version after this transaction.
    """
    headers: dict[str, str] = {}
    propagate.inject(headers)
    await session.execute(
        insert(outbox).values(
            id=uuid4(),
            type=data.type,
            subject=subject,
            aggregateversion=version,
            dataversion=data.dataversion,
            data=data.model_dump(mode="json", by_alias=True),
            headers=headers,
        )
    )
    COMMITTED.announce(session)
