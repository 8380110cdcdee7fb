"""Asking for work, in the transaction that makes it necessary."""

from datetime import datetime
from typing import Any

from opentelemetry import propagate
from pydantic import BaseModel
from sqlalchemy import case, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from storefront_common.database.commits import Commits
from storefront_common.messaging.shared_tables import tasks

COMMITTED = Commits()
"""Rings when a task was committed."""


async def enqueue(
    session: AsyncSession,
    kind: str,
    key: str,
    payload: BaseModel | dict[str, Any],
    run_at: datetime | None = None,
) -> None:
    """Have a task done once the transaction of `session` is committed.

    There is one task of that kind and key at a time. Enqueued again while it waits, it keeps its payload and runs at
    the earlier of the two times; enqueued again while it runs, it runs once more afterwards.

    Args:
        kind: which handler does it.
        key: what it is about, such as the id of an order.
        payload: what the handler needs to know, as JSON; a model is written with its aliases.
        run_at: not before; None: at once.
    """
    headers: dict[str, str] = {}
    propagate.inject(headers)
    document = payload.model_dump(mode="json", by_alias=True) if isinstance(payload, BaseModel) else payload
    new = insert(tasks).values(
        kind=kind,
        key=key,
        payload=document,
        headers=headers,
        run_at=func.now() if run_at is None else run_at,
    )
    in_hand = tasks.c.leased_until > func.clock_timestamp()
    await session.execute(
        new.on_conflict_do_update(
            constraint="tasks_kind_key",
            set_={
                "run_at": func.least(tasks.c.run_at, new.excluded.run_at),
                "asked_again": case(
                    (in_hand, func.least(tasks.c.asked_again, new.excluded.run_at)),
                    else_=tasks.c.asked_again,
                ),
            },
        )
    )
    COMMITTED.announce(session)
