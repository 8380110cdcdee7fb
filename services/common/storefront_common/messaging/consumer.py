"""Handling the events of a service's queue."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import structlog
from aio_pika.abc import AbstractIncomingMessage
from prometheus_client import Counter
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from storefront_common import telemetry
from storefront_common.database import Database, DatabaseUnavailableError
from storefront_common.database.failures import Failure
from storefront_common.events import CATALOGUE, Event, UnreadableEventError, UnwantedEventError, decode
from storefront_common.messaging.broker import Broker, BrokerUnavailableError, RefusedError
from storefront_common.messaging.copies import copy
from storefront_common.messaging.shared_tables import inbox

logger = structlog.stdlib.get_logger(__name__)

Handler = Callable[[AsyncSession, Event[Any]], Awaitable[None]]
"""Handles an event in the transaction that also notes it in the inbox: its statements happen exactly once."""

StorelessHandler = Callable[[None, Event[Any]], Awaitable[None]]
"""Handles an event without a transaction; it may see the same event twice."""

RETRIES = 3
"""How often a message that failed is tried again, each time through a slower one of the delay queues."""

ATTEMPT_HEADER = "x-attempt"
"""How often the message has failed."""
ERROR_HEADER = "x-error"
"""Why it failed the last time."""

_CONSUMED = Counter("messages_consumed_total", "Messages by what became of them", ["type", "outcome"])
_DEAD = Counter("messages_dead_total", "Messages that became dead letters", ["type"])

_HANDLER_SECONDS = 60.0
_LONGEST_PAUSE = 5.0
_REQUEST_SECONDS = 5.0
_RETURN_PAUSE_SECONDS = 1.0

_DATABASE_PAUSE_SECONDS = 1.0
_PATIENCE_SECONDS = 600.0
"""How long a message is held for a database that is away; RabbitMQ takes it back after half an hour."""
_DOUBTS = 5
"""A message may meet that many lost connections, while the database answers others, before it is to blame."""

_KEPT = timedelta(days=7)
"""Longer than any duplicate may take: an outbox that waits, a dead letter that is replayed twice."""
_FORGOTTEN_AT_ONCE = 1_000
_FORGET_EVERY_SECONDS = 600.0


@dataclass(frozen=True)
class OutsideTransaction:
    """Marks a handler of a service with a database that needs no transaction, such as one that fills a cache.

    No connection is held while it waits for another system. It may see the same event twice.
    """

    handler: StorelessHandler


class _Outcome(StrEnum):
    DONE = "done"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    RETRIED = "retried"
    POSTPONED = "postponed"
    """The database stayed away for too long; it comes again, with no attempt counted."""
    RETURNED = "returned"
    """It could not be handed on and went back to the queue."""
    DEAD = "dead"


class _StillAwayError(Exception):
    """The database was away for longer than a message can be held."""


class Consumer:
    """A worker that handles the events in the queue of `service`.

    A message is acknowledged after its transaction is committed. One that fails is tried again after 5 s, 30 s and
    5 min, then it is a dead letter. One that cannot be read is a dead letter at once. Types without a handler are
    acknowledged and counted. While the database is away messages wait, and that counts as no attempt.

    Retries change the order of events: a handler compares `aggregateversion` with what it knows.
    """

    def __init__(
        self,
        service: str,
        database: Database | None,
        broker: Broker,
        handlers: Mapping[str, Handler | OutsideTransaction] | Mapping[str, StorelessHandler],
        prefetch: int = 4,
    ) -> None:
        """The consumer of one process.

        Args:
            service: name of the queue.
            database: None: handlers are called with None for the session, and there is no inbox.
            handlers: by event type.
            prefetch: how many messages are handled at once; each may use a connection of the database's pool.

        Raises:
            ValueError: there is a handler for a type that the catalogue does not have.
        """
        unknown = sorted(set(handlers) - set(CATALOGUE))
        if unknown:
            raise ValueError(f"no such events: {', '.join(unknown)}")
        self._service = service
        self._database = database
        self._broker = broker
        self._handlers: Mapping[str, Any] = handlers
        self._prefetch = prefetch
        self._in_hand: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Handle messages until cancelled; then finish those in hand."""
        forgetting = asyncio.create_task(self._forget_old())
        lost = 0
        try:
            while True:
                started = time.monotonic()
                try:
                    await self._consume()
                    reason = "the broker closed the channel"
                except BrokerUnavailableError as error:
                    reason = str(error)
                lost = 1 if time.monotonic() - started > _LONGEST_PAUSE else lost + 1
                logger.warning("messages wait", reason=reason, failures=lost)
                pause = min(_LONGEST_PAUSE, 0.25 * 2 ** min(lost, 10))
                await asyncio.sleep(pause * random.uniform(0.75, 1.25))
        finally:
            forgetting.cancel()

    async def _consume(self) -> None:
        """Receive messages until the channel is closed; when cancelled, stop receiving and finish."""
        async with self._broker.channel(self._prefetch) as channel:
            gone = asyncio.Event()
            try:
                queue = await channel.get_queue(self._service, ensure=False)
                underlay = await channel.get_underlay_channel()
                underlay.on_consumer_cancel_callbacks.add(lambda _: gone.set())
                tag = await queue.consume(self._receive, timeout=_REQUEST_SECONDS)
            except Exception as error:
                raise BrokerUnavailableError(f"cannot read the queue {self._service}: {error!r}") from error
            logger.info("receiving messages", queue=self._service)
            try:
                await _first(channel.closed(), gone.wait())
            except asyncio.CancelledError:
                with contextlib.suppress(Exception):
                    await queue.cancel(tag, timeout=_REQUEST_SECONDS)
                await self._finish()
                raise

    async def _finish(self) -> None:
        """Wait for the messages in hand; when cancelled once more, give them up."""
        try:
            if self._in_hand:
                await asyncio.wait(self._in_hand)
        except asyncio.CancelledError:
            for task in self._in_hand:
                task.cancel()
            raise

    async def _receive(self, message: AbstractIncomingMessage) -> None:
        # A task of our own: aiormq cancels its own ones when the channel closes, in the middle of a commit.
        task = asyncio.create_task(self._settle(message))
        self._in_hand.add(task)
        task.add_done_callback(self._in_hand.discard)

    async def _settle(self, message: AbstractIncomingMessage) -> None:
        """Handle one message and tell the broker what became of it."""
        try:
            kind, outcome = await self._dispose(message)
            _CONSUMED.labels(kind, outcome.value).inc()
            if outcome is _Outcome.DEAD:
                _DEAD.labels(kind).inc()
                await message.reject(requeue=False)
            elif outcome is _Outcome.RETURNED:
                await asyncio.sleep(_RETURN_PAUSE_SECONDS)
                await message.nack(requeue=True)
            else:
                await message.ack()
        except Exception as error:
            # Without an answer the broker delivers it again, and the inbox knows whether it is done.
            logger.info("a message was not acknowledged", message_id=message.message_id, reason=repr(error))

    async def _dispose(self, message: AbstractIncomingMessage) -> tuple[str, _Outcome]:
        """The event's type and what becomes of the message."""
        try:
            event = decode(message.body, self._handlers)
        except UnwantedEventError as error:
            # Labels come from the code, never from a message: their number stays small.
            kind = error.type if error.type in CATALOGUE else "unknown"
            logger.info("an event that nobody handles", event_type=kind, message_id=message.message_id)
            return kind, _Outcome.IGNORED
        except UnreadableEventError as error:
            logger.error("a message cannot be read", message_id=message.message_id, reason=str(error))
            return "unreadable", _Outcome.DEAD
        with (
            telemetry.consumer_span(event.type, self._service, str(event.id), message.headers) as span,
            structlog.contextvars.bound_contextvars(event_id=str(event.id), event_type=event.type),
        ):
            try:
                return event.type, await self._handle(event)
            except _StillAwayError:
                return event.type, await self._hand_on(message, failures(message), None)
            except Exception as error:
                span.record_exception(error)
                return event.type, await self._fail(message, error)

    async def _handle(self, event: Event[Any]) -> _Outcome:
        """Call the handler; again and again while the database is away."""
        handler = self._handlers[event.type]
        if self._database is None or isinstance(handler, OutsideTransaction):
            call = handler.handler if isinstance(handler, OutsideTransaction) else handler
            async with asyncio.timeout(_HANDLER_SECONDS):
                await call(None, event)
            return _Outcome.DONE
        doubts = 0
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                done = await self._database.write(lambda session: _once(session, handler, event))
            except DatabaseUnavailableError as error:
                doubts += not await self._is_away(error.failure)
                if doubts > _DOUBTS:
                    raise
                if time.monotonic() > give_up_at:
                    raise _StillAwayError from error
                await asyncio.sleep(_DATABASE_PAUSE_SECONDS * random.uniform(0.5, 1.5))
            else:
                return _Outcome.DONE if done else _Outcome.DUPLICATE

    async def _is_away(self, failure: Failure) -> bool:
        """Whether the database is away for all, not only for a message whose statements take too long or break it."""
        if failure not in (Failure.LOST, Failure.BUSY):
            return True
        assert self._database is not None
        try:
            await self._database.read(_sign_of_life)
        except DatabaseUnavailableError:
            return True
        return False

    async def _fail(self, message: AbstractIncomingMessage, error: Exception) -> _Outcome:
        """Have the message tried again later, or let it be a dead letter."""
        number = failures(message) + 1
        if number > RETRIES:
            logger.error("a message failed for good", failures=number, exc_info=error)
            return _Outcome.DEAD
        logger.warning("a message failed", failures=number, exc_info=error)
        return await self._hand_on(message, number, error)

    async def _hand_on(
        self, message: AbstractIncomingMessage, number: int, error: Exception | None
    ) -> _Outcome:
        """Put a copy of the message into the delay queue for that number of failures."""
        reason = message.headers.get(ERROR_HEADER) if error is None else _brief(error)
        again = copy(message, **{ATTEMPT_HEADER: number, ERROR_HEADER: reason})
        try:
            await self._broker.publish(f"{self._service}.retry", str(max(1, number)), again)
        except (BrokerUnavailableError, RefusedError) as unavailable:
            logger.warning("a message goes back to its queue", reason=str(unavailable))
            return _Outcome.RETURNED
        return _Outcome.RETRIED if error is not None else _Outcome.POSTPONED

    async def _forget_old(self) -> None:
        """Keep the inbox small."""
        while self._database is not None:
            with contextlib.suppress(DatabaseUnavailableError):
                while await self._database.write(_forget_some) == _FORGOTTEN_AT_ONCE:
                    pass
            await asyncio.sleep(_FORGET_EVERY_SECONDS * random.uniform(0.75, 1.25))


async def _once(session: AsyncSession, handler: Handler, event: Event[Any]) -> bool:
    """Whether the event was handled now, in this transaction; False: it was before."""
    noted = insert(inbox).values(event_id=event.id, type=event.type).on_conflict_do_nothing()
    if (await session.execute(noted.returning(inbox.c.event_id))).scalar_one_or_none() is None:
        return False
    await handler(session, event)
    return True


async def _sign_of_life(session: AsyncSession) -> None:
    await session.execute(select(1))


async def _forget_some(session: AsyncSession) -> int:
    """Delete some events that were done long ago; how many."""
    old = (
        select(inbox.c.event_id)
        .where(inbox.c.received_at < func.now() - _KEPT)
        .limit(_FORGOTTEN_AT_ONCE)
        .with_for_update(skip_locked=True)
        .cte("old")
    )
    gone = delete(inbox).where(inbox.c.event_id == old.c.event_id).returning(inbox.c.event_id)
    return len((await session.execute(gone)).all())


def failures(message: AbstractIncomingMessage) -> int:
    """How often the message has failed."""
    noted = message.headers.get(ATTEMPT_HEADER)
    return noted if isinstance(noted, int) and noted >= 0 else 0


def _brief(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}".partition("\n")[0]
    return text if len(text) <= 300 else text[:300] + "…"


async def _first(*waits: Awaitable[Any]) -> None:
    """Return when one of `waits` does."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
