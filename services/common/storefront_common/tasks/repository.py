"""The statements of tasks in hand. Only the lease's owner may write: the lease is asked for in every one."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, delete, func, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storefront_common.messaging.shared_tables import tasks

_FREE = {"lease": null(), "leased_until": null(), "asked_again": null()}


async def backlog(session: AsyncSession) -> dict[str, tuple[int, float]]:
    """Kind → how many tasks are not done, and for how many seconds the longest overdue one has been due."""
    overdue = func.extract("epoch", func.clock_timestamp() - func.min(tasks.c.run_at))
    statement = select(tasks.c.kind, func.count(), overdue).group_by(tasks.c.kind)
    rows = (await session.execute(statement)).all()
    return {kind: (number, max(0.0, float(seconds))) for kind, number, seconds in rows}


async def lease(
    session: AsyncSession, kinds: Sequence[str], limit: int, lease: UUID, duration: timedelta
) -> list[Row[Any]]:
    """Tasks of those kinds that are due and that nobody has in hand, now in the hands of `lease`."""
    due = (
        select(tasks.c.id)
        .where(
            tasks.c.kind.in_(kinds),
            tasks.c.run_at <= func.now(),
            or_(tasks.c.leased_until.is_(None), tasks.c.leased_until < func.now()),
        )
        .order_by(tasks.c.run_at, tasks.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    statement = (
        update(tasks)
        .where(tasks.c.id == due.c.id)
        .values(
            lease=lease,
            leased_until=func.clock_timestamp() + duration,
            asked_again=null(),
            attempts=tasks.c.attempts + 1,
        )
        .returning(tasks)
    )
    return list(await session.execute(statement))


async def complete(session: AsyncSession, task_id: int, lease: UUID) -> bool:
    """Remove the task, or have it done anew when it was enqueued meanwhile; False: it is no longer ours."""
    done = delete(tasks).where(_ours(task_id, lease), tasks.c.asked_again.is_(None)).returning(tasks.c.id)
    if (await session.execute(done)).scalar_one_or_none() is not None:
        return True
    return await _release(session, task_id, lease, run_at=tasks.c.asked_again, attempts=0, last_error=null())


async def put_off(session: AsyncSession, task_id: int, lease: UUID, pause: timedelta) -> bool:
    """Have the task done anew after `pause`, or as soon as was asked for meanwhile; False: it is no longer ours."""
    return await _release(session, task_id, lease, run_at=_after(pause), attempts=0, last_error=null())


async def note_failure(
    session: AsyncSession, task_id: int, lease: UUID, pause: timedelta, error: str
) -> bool:
    """Have the task tried again after `pause`, or as soon as was asked for; False: it is no longer ours."""
    # PostgreSQL cannot store the character.
    text = error.replace("\0", "")
    return await _release(session, task_id, lease, run_at=_after(pause), last_error=text)


async def _release(session: AsyncSession, task_id: int, lease: UUID, **values: Any) -> bool:
    statement = update(tasks).where(_ours(task_id, lease)).values(**values, **_FREE).returning(tasks.c.id)
    return (await session.execute(statement)).scalar_one_or_none() is not None


def _ours(task_id: int, lease: UUID) -> ColumnElement[bool]:
    return and_(tasks.c.id == task_id, tasks.c.lease == lease)


def _after(pause: timedelta) -> ColumnElement[Any]:
    return func.least(tasks.c.asked_again, func.clock_timestamp() + pause)
