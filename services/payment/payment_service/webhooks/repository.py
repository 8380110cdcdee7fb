"""The statements about webhooks."""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from payment_service.webhooks.tables import WebhookEvent

_KEPT = timedelta(days=60)
"""Longer than the gateway goes on repeating them, by far."""
_PRUNED_AT_ONCE = 5


async def add(session: AsyncSession, event_id: str, kind: str, body: dict[str, Any]) -> bool:
    """Whether the event is new."""
    event = insert(WebhookEvent).values(id=event_id, type=kind, body=body).on_conflict_do_nothing()
    return (await session.execute(event.returning(WebhookEvent.id))).scalar_one_or_none() is not None


async def lock(session: AsyncSession, event_id: str) -> WebhookEvent | None:
    """The event of that id, until the end of the transaction for us alone."""
    statement = select(WebhookEvent).where(WebhookEvent.id == event_id).with_for_update()
    return (await session.execute(statement)).scalar_one_or_none()


async def note_outcome(session: AsyncSession, event_id: str, outcome: str) -> None:
    """The event is processed: what it said is not needed any more."""
    await session.execute(
        update(WebhookEvent)
        .where(WebhookEvent.id == event_id)
        .values(processed_at=func.now(), outcome=outcome, body=None)
    )


async def prune(session: AsyncSession) -> None:
    """Forget a few old events: a little with each new one, so that nothing has to be scheduled."""
    old = (
        select(WebhookEvent.id)
        .where(WebhookEvent.received_at < func.now() - _KEPT, WebhookEvent.processed_at.is_not(None))
        .limit(_PRUNED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    await session.execute(delete(WebhookEvent).where(WebhookEvent.id.in_(old.scalar_subquery())))
