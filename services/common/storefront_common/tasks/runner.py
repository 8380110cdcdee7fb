"""Doing tasks."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from storefront_common import telemetry
from storefront_common.database import Database, DatabaseUnavailableError, commits
from storefront_common.tasks import repository
from storefront_common.tasks.queue import COMMITTED

logger = structlog.stdlib.get_logger(__name__)

_PENDING = Gauge("tasks_pending", "Tasks of the service that are not done", ["kind"])
_OVERDUE = Gauge("tasks_overdue_seconds", "How long the longest overdue task has been due", ["kind"])
_DONE = Counter("tasks_done_total", "Tasks that were done", ["kind"])
_FAILURES = Counter("task_failures_total", "Attempts at a task that came to nothing", ["kind"])

_POLL_SECONDS = 1.0
_LOOK_EVERY_SECONDS = 5.0
_SHORTEST_PAUSE = 1.0
_LONGEST_PAUSE = 300.0
_ERROR_LENGTH = 1_000


@dataclass(frozen=True)
class Task:
    """A piece of work, as its handler gets it."""

    kind: str
    key: str
    payload: dict[str, Any]
    attempt: int
    """1 the first time."""
    enqueued_at: datetime


Handler = Callable[[Task], Awaitable[None]]
"""Does a task, outside any transaction. It may be called again for work that it has done: a process may die."""


class Reschedule(Exception):  # noqa: N818 it is no error
    """Raised by a handler: do this again `after` a while; it counts as no failure."""

    def __init__(self, after: timedelta) -> None:
        super().__init__(f"again after {after}")
        self.after = after


class TaskRunner:
    """A worker that does the tasks of a service; several share the work.

    A task in hand is leased: when its process dies, another one does it after the lease has ended. A handler that
    takes longer than the lease is cancelled. One that fails is called again, later and later, for ever.
    """

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        concurrency: int = 4,
        *,
        lease: timedelta = timedelta(seconds=60),
    ) -> None:
        """The runner of one process.

        Args:
            handlers: by kind of task. Tasks of other kinds are left to newer images.
            concurrency: how many tasks are done at once.
            lease: how long a task may take; when a process dies, its tasks wait for that long.
        """
        self._database = database
        self._handlers = handlers
        self._concurrency = concurrency
        self._lease = lease
        self._in_hand: set[asyncio.Task[None]] = set()
        self._looked_at = -_LOOK_EVERY_SECONDS

    async def run(self) -> None:
        """Do tasks until cancelled; then finish those in hand."""
        try:
            with COMMITTED.listen() as bell:
                while True:
                    bell.clear()
                    try:
                        await self._look()
                        await self._take_some(bell)
                    except DatabaseUnavailableError as error:
                        logger.warning("tasks wait", reason=str(error.failure))
                    await commits.wait(bell, _POLL_SECONDS * random.uniform(0.75, 1.25))
        except asyncio.CancelledError:
            await self._finish()
            raise

    async def _look(self) -> None:
        """Tell how many tasks wait, from time to time."""
        if time.monotonic() - self._looked_at < _LOOK_EVERY_SECONDS:
            return
        backlog = await self._database.read(repository.backlog)
        for kind in self._handlers:
            number, overdue = backlog.get(kind, (0, 0.0))
            _PENDING.labels(kind).set(number)
            _OVERDUE.labels(kind).set(overdue)
        self._looked_at = time.monotonic()

    async def _take_some(self, bell: asyncio.Event) -> None:
        """Begin as many tasks as there is room for; `bell` rings when there may be room for more."""
        room = self._concurrency - len(self._in_hand)
        if room == 0:
            return
        lease = uuid4()
        leased_at = time.monotonic()
        kinds = list(self._handlers)
        rows = await self._database.write(
            lambda session: repository.lease(session, kinds, room, lease, self._lease)
        )
        for row in rows:
            task = asyncio.create_task(self._do(row, lease, leased_at))
            self._in_hand.add(task)
            task.add_done_callback(self._in_hand.discard)
            if len(rows) == room:
                task.add_done_callback(lambda _: bell.set())

    async def _finish(self) -> None:
        """Wait for the tasks in hand; when cancelled once more, give them up: their leases end by themselves."""
        try:
            if self._in_hand:
                await asyncio.wait(self._in_hand)
        except asyncio.CancelledError:
            for task in self._in_hand:
                task.cancel()
            raise

    async def _do(self, row: Row[Any], lease: UUID, leased_at: float) -> None:
        """Call the handler and write down what became of the task."""
        task = Task(row.kind, row.key, row.payload, row.attempts, row.created_at)
        log = logger.bind(task_kind=task.kind, task_key=task.key, attempt=task.attempt)
        ends_at = leased_at + self._lease.total_seconds()
        with (
            telemetry.work_span(task.kind, task.key, row.headers) as span,
            structlog.contextvars.bound_contextvars(task_kind=task.kind, task_key=task.key),
        ):
            try:
                # It ends before the lease does, so that nobody else has begun.
                async with asyncio.timeout(0.9 * self._lease.total_seconds()):
                    await self._handlers[task.kind](task)
            except Reschedule as wish:
                after = wish.after
                await self._write(
                    log, ends_at, lambda session: repository.put_off(session, row.id, lease, after)
                )
            except Exception as error:
                _FAILURES.labels(task.kind).inc()
                span.record_exception(error)
                pause = _pause(task.attempt)
                reason = f"{type(error).__name__}: {error}"[:_ERROR_LENGTH]
                log.warning("a task failed", again_after=pause.total_seconds(), exc_info=error)
                await self._write(
                    log,
                    ends_at,
                    lambda session: repository.note_failure(session, row.id, lease, pause, reason),
                )
            else:
                _DONE.labels(task.kind).inc()
                await self._write(log, ends_at, lambda session: repository.complete(session, row.id, lease))

    async def _write(self, log: Any, ends_at: float, work: Callable[[AsyncSession], Awaitable[bool]]) -> None:
        """Do `work`, which tells whether the task was still ours; again while the database is away."""
        while True:
            try:
                if not await self._database.write(work):
                    log.warning("the lease of a task ended before it was done")
            except DatabaseUnavailableError:
                if time.monotonic() < ends_at:
                    await asyncio.sleep(random.uniform(0.25, 0.75))
                    continue
                log.warning("what became of a task could not be written down; it is done again")
            return


def _pause(attempt: int) -> timedelta:
    """How long to wait after that many failures."""
    longest = min(_LONGEST_PAUSE, _SHORTEST_PAUSE * 2 ** min(attempt - 1, 20))
    return timedelta(seconds=longest * random.uniform(0.75, 1.25))
