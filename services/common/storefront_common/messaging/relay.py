"""Publishing what is in the outbox."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any

import structlog
from aio_pika import DeliveryMode, Message
from prometheus_client import Counter, Gauge
from sqlalchemy import Row, delete, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from storefront_common import telemetry
from storefront_common.database import Database, DatabaseUnavailableError, commits
from storefront_common.database.commits import Commits
from storefront_common.events.envelope import assemble
from storefront_common.messaging.broker import Broker, BrokerUnavailableError, RefusedError, UnroutableError
from storefront_common.messaging.shared_tables import outbox
from storefront_common.workers import to_the_end

logger = structlog.stdlib.get_logger(__name__)

COMMITTED = Commits()
"""Rings when an event was committed to an outbox."""

EXCHANGE = "events"

_PENDING = Gauge("outbox_pending", "Events of the service that wait to be published")
_OLDEST = Gauge("outbox_oldest_seconds", "Age of the oldest event of the service that waits to be published")
_PUBLISHED = Counter("outbox_published_total", "Events that the broker has confirmed", ["type"])
_FAILURES = Counter("outbox_failures_total", "Attempts to publish an event that came to nothing", ["reason"])

_BATCH = 100
_POLL_SECONDS = 2.0
_LONGEST_PAUSE = 5.0
_LEASE = timedelta(seconds=60)
"""Longer than connecting, publishing and marking can take together."""
_MARKING_SECONDS = 20.0
_LONGEST_REFUSED = 60
_KEPT = timedelta(days=1)
_FORGOTTEN_AT_ONCE = 1_000
_FORGET_EVERY_SECONDS = 600.0


class _Result(StrEnum):
    CONFIRMED = "confirmed"
    UNROUTABLE = "unroutable"
    REFUSED = "refused"
    UNCONFIRMED = "unconfirmed"


class OutboxRelay:
    """A worker that publishes the events of the outbox, oldest first, and marks those that the broker confirmed.

    An event is published at least once. Several relays share the work; only when one dies between publishing and
    marking is an event published twice, and the inbox of the receiver removes the second one.
    """

    def __init__(self, database: Database, broker: Broker) -> None:
        self._database = database
        self._broker = broker
        self._looked_at = -_POLL_SECONDS
        self._forgot_at = -_FORGET_EVERY_SECONDS

    async def run(self) -> None:
        """Publish until cancelled; a batch in hand is finished."""
        failures = 0
        with COMMITTED.listen() as bell:
            while True:
                bell.clear()
                try:
                    await self._look()
                    more = await to_the_end(self._relay_batch())
                except (BrokerUnavailableError, DatabaseUnavailableError) as error:
                    failures += 1
                    logger.warning("events wait", reason=str(error), failures=failures)
                    pause = min(_LONGEST_PAUSE, 0.25 * 2 ** min(failures, 10))
                    await asyncio.sleep(pause * random.uniform(0.75, 1.25))
                    continue
                failures = 0
                if not more:
                    await commits.wait(bell, _POLL_SECONDS)

    async def _look(self) -> None:
        """Tell how many events wait, and forget old ones, from time to time."""
        now = time.monotonic()
        if now - self._looked_at >= _POLL_SECONDS:
            number, age = await self._database.read(_backlog)
            _PENDING.set(number)
            _OLDEST.set(age)
            self._looked_at = now
        if now - self._forgot_at >= _FORGET_EVERY_SECONDS:
            while await self._database.write(_forget_old) == _FORGOTTEN_AT_ONCE:
                pass
            self._forgot_at = now

    async def _relay_batch(self) -> bool:
        """Publish some events; whether there are likely more.

        No transaction is open while the broker is waited for: a lease keeps the events from other relays.
        """
        await self._broker.connect()
        rows = await self._database.write(_lease)
        if not rows:
            return False
        results = await asyncio.gather(*(self._publish(row) for row in rows))
        await self._mark(rows, results)
        lost = results.count(_Result.UNCONFIRMED)
        if lost:
            raise BrokerUnavailableError(f"{lost} of {len(rows)} events are not confirmed")
        return len(rows) == _BATCH

    async def _publish(self, row: Row[Any]) -> _Result:
        event_id = str(row.id)
        with telemetry.producer_span(row.type, EXCHANGE, event_id, row.headers):
            headers: dict[str, Any] = {}
            telemetry.inject(headers)
            message = Message(
                _body(row, self._broker.application),
                message_id=event_id,
                type=row.type,
                headers=headers,
                content_type="application/json",
                delivery_mode=DeliveryMode.PERSISTENT,
                timestamp=row.created_at,
                app_id=self._broker.application,
            )
            try:
                await self._broker.publish(EXCHANGE, row.type, message)
            except RefusedError as error:
                logger.warning("an event stays in the outbox", reason=str(error), event_id=event_id)
                result = _Result.UNROUTABLE if isinstance(error, UnroutableError) else _Result.REFUSED
            except BrokerUnavailableError as error:
                logger.info("an event is not confirmed", reason=str(error), event_id=event_id)
                result = _Result.UNCONFIRMED
            else:
                _PUBLISHED.labels(row.type).inc()
                return _Result.CONFIRMED
        _FAILURES.labels(result.value).inc()
        return result

    async def _mark(self, rows: Sequence[Row[Any]], results: Sequence[_Result]) -> None:
        """Write down what became of the events; what cannot be written is published again after its lease."""
        by_result: dict[_Result, list[Row[Any]]] = {result: [] for result in _Result}
        for row, result in zip(rows, results, strict=True):
            by_result[result].append(row)
        deadline = time.monotonic() + _MARKING_SECONDS
        while True:
            try:
                return await self._database.write(lambda session: _write_results(session, by_result))
            except DatabaseUnavailableError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.5)


def _body(row: Row[Any], source: str) -> bytes:
    # Not through the catalogue's class: a newer image may have written a type or a field that this one lacks.
    return assemble(
        id=row.id,
        source=source,
        type=row.type,
        subject=row.subject,
        time=row.created_at,
        dataversion=row.dataversion,
        aggregateversion=row.aggregateversion,
        data=row.data,
    )


async def _backlog(session: AsyncSession) -> tuple[int, float]:
    """How many events wait, and for how many seconds the oldest one has."""
    age = func.extract("epoch", func.clock_timestamp() - func.min(outbox.c.created_at))
    row = (await session.execute(select(func.count(), age).where(outbox.c.sent_at.is_(None)))).one()
    return row[0], max(0.0, float(row[1] or 0))


async def _lease(session: AsyncSession) -> list[Row[Any]]:
    """The oldest events that nobody has in hand, now in ours."""
    due = (
        select(outbox.c.position)
        .where(
            outbox.c.sent_at.is_(None),
            or_(outbox.c.leased_until.is_(None), outbox.c.leased_until < func.now()),
        )
        .order_by(outbox.c.position)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    statement = (
        update(outbox)
        .where(outbox.c.position == due.c.position)
        .values(leased_until=func.clock_timestamp() + _LEASE, attempts=outbox.c.attempts + 1)
        .returning(outbox)
    )
    return sorted(await session.execute(statement), key=lambda row: row.position)


async def _write_results(session: AsyncSession, by_result: Mapping[_Result, Sequence[Row[Any]]]) -> None:
    # One that no queue takes is tried later and later, and holds the others up no more.
    patience = func.least(_LONGEST_REFUSED, func.power(2, func.least(outbox.c.attempts, 10)))
    later = {"leased_until": func.clock_timestamp() + patience * timedelta(seconds=1)}
    values: dict[_Result, dict[str, Any]] = {
        _Result.CONFIRMED: {"sent_at": func.now(), "leased_until": None},
        _Result.UNROUTABLE: later,
        _Result.REFUSED: later,
        _Result.UNCONFIRMED: {"leased_until": None},
    }
    for result, rows in by_result.items():
        statement = update(outbox).where(outbox.c.position.in_([row.position for row in rows]))
        if result is not _Result.CONFIRMED:
            # After our lease another relay may have them in hand: its attempt is a later one.
            attempt = tuple_(outbox.c.position, outbox.c.attempts)
            statement = statement.where(attempt.in_([(row.position, row.attempts) for row in rows]))
        if rows:
            await session.execute(statement.values(values[result]))


async def _forget_old(session: AsyncSession) -> int:
    """Delete some events that were sent long ago; how many."""
    old = (
        select(outbox.c.position)
        .where(outbox.c.sent_at < func.now() - _KEPT)
        .limit(_FORGOTTEN_AT_ONCE)
        .with_for_update(skip_locked=True)
        .cte("old")
    )
    gone = delete(outbox).where(outbox.c.position == old.c.position).returning(outbox.c.position)
    return len((await session.execute(gone)).all())
