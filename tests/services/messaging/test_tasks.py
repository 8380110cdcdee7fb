"""Tasks are done: at least once, by one runner at a time, later and later while they fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.database import Database
from storefront_common.settings import DatabaseSettings
from storefront_common.tasks import Reschedule, Task, TaskRunner, enqueue, repository, runner

from tests.services.messaging.conftest import statement
from tests.services.messaging.workers import metric, running
from tests.services.postgres_server import PostgresServer
from tests.services.service_process import eventually

pytestmark = pytest.mark.services


async def ask(
    database: Database, key: str, payload: Any = None, run_at: datetime | None = None, *, kind: str = "label"
) -> None:
    """Commit a task."""
    await database.write(lambda session: enqueue(session, kind, key, payload or {}, run_at))


async def rows(database: Database) -> list[Any]:
    """The tasks that are not done."""
    return await statement(database, "SELECT * FROM tasks ORDER BY id")


async def none_left(database: Database) -> None:
    """Return when every task is done."""

    async def is_empty() -> bool:
        return not await rows(database)

    await eventually(is_empty)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that a test can wait for."""
    monkeypatch.setattr(runner, "_POLL_SECONDS", 0.1)
    monkeypatch.setattr(runner, "_SHORTEST_PAUSE", 0.05)
    monkeypatch.setattr(runner, "_LOOK_EVERY_SECONDS", 0.1)


@pytest_asyncio.fixture
async def other_database(settings: DatabaseSettings) -> AsyncIterator[Database]:
    """The same database, as another process uses it."""
    opened = Database(settings, "other")
    yield opened
    await opened.close()


class Handler:
    """A handler that notes what it was given; `behave` is what it does then."""

    def __init__(self, behave: Callable[[Task], Awaitable[None]] | None = None) -> None:
        self.seen: list[Task] = []
        self._behave = behave

    async def __call__(self, task: Task) -> None:
        self.seen.append(task)
        if self._behave is not None:
            await self._behave(task)

    @property
    def keys(self) -> list[str]:
        """The keys of the tasks, as often as they were begun."""
        return [task.key for task in self.seen]


class Order(BaseModel):
    """A payload."""

    number: str


async def test_a_committed_task_is_done_and_gone(database: Database) -> None:
    handler = Handler()
    done = metric("tasks_done_total", kind="label")
    async with running(TaskRunner(database, {"label": handler})):
        await ask(database, "a", Order(number="S-1"))
        await none_left(database)
    (task,) = handler.seen
    assert (task.kind, task.key, task.payload, task.attempt) == ("label", "a", {"number": "S-1"}, 1)
    assert metric("tasks_done_total", kind="label") == done + 1


async def test_a_task_that_is_rolled_back_is_not_done(database: Database) -> None:
    async def work(session: AsyncSession) -> None:
        await enqueue(session, "label", "never", {})
        raise LookupError

    handler = Handler()
    async with running(TaskRunner(database, {"label": handler})):
        with pytest.raises(LookupError):
            await database.write(work)
        await ask(database, "then")
        await none_left(database)
    assert handler.keys == ["then"]


async def test_a_task_begins_without_waiting_for_a_look(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_POLL_SECONDS", 3600.0)
    async with running(TaskRunner(database, {"label": Handler()}, concurrency=1)):
        for key in ("a", "b", "c"):
            await ask(database, key)
            await none_left(database)
        # More than there is room for: each one that ends makes room for the next.
        for key in ("d", "e", "f"):
            await ask(database, key)
        await none_left(database)


async def test_there_is_one_task_of_a_kind_and_key(database: Database) -> None:
    now = datetime.now(UTC)
    await ask(database, "a", {"n": 1}, now + timedelta(hours=2))
    await ask(database, "a", {"n": 2}, now + timedelta(hours=3))
    await ask(database, "b", {"n": 3}, now + timedelta(hours=2))
    first, other = await rows(database)
    assert (first.payload, first.run_at) == ({"n": 1}, now + timedelta(hours=2))
    assert other.key == "b"

    await ask(database, "a", {"n": 4}, now + timedelta(hours=1))
    first, _ = await rows(database)
    assert (first.payload, first.run_at) == ({"n": 1}, now + timedelta(hours=1))


async def test_a_task_waits_for_its_time(database: Database) -> None:
    handler = Handler()
    await ask(database, "later", run_at=datetime.now(UTC) + timedelta(hours=1))
    async with running(TaskRunner(database, {"label": handler})):
        await ask(database, "now")

        async def now_is_done() -> bool:
            return len(await rows(database)) == 1

        await eventually(now_is_done)
        assert handler.keys == ["now"]
        await ask(database, "later")  # at once after all
        await none_left(database)


async def test_a_task_that_is_enqueued_while_it_runs_runs_once_more(database: Database) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def wait(task: Task) -> None:
        entered.set()
        await go_on.wait()

    handler = Handler(wait)
    async with running(TaskRunner(database, {"label": handler})):
        await ask(database, "a")
        await entered.wait()
        await ask(database, "a")
        await ask(database, "a")
        go_on.set()
        await none_left(database)
    assert [(task.key, task.attempt) for task in handler.seen] == [("a", 1), ("a", 1)]


async def test_a_task_that_fails_is_tried_again(database: Database) -> None:
    async def fail_twice(task: Task) -> None:
        if task.attempt < 3:
            raise LookupError("no label\0today")

    handler = Handler(fail_twice)
    failures = metric("task_failures_total", kind="label")
    async with running(TaskRunner(database, {"label": handler})):
        await ask(database, "a")

        async def error_is_kept() -> bool:
            return any(row.last_error == "LookupError: no labeltoday" for row in await rows(database))

        await eventually(error_is_kept)
        await none_left(database)
    assert [task.attempt for task in handler.seen] == [1, 2, 3]
    assert metric("task_failures_total", kind="label") == failures + 2


@pytest.mark.parametrize("attempt", [1, 2, 5, 10, 1_000_000])
def test_pauses_grow_and_end_somewhere(attempt: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_SHORTEST_PAUSE", 1.0)
    expected = min(300.0, 2.0 ** min(attempt - 1, 20))
    assert 0.75 * expected <= runner._pause(attempt).total_seconds() <= 1.25 * expected


async def test_a_handler_can_put_its_task_off(database: Database) -> None:
    async def put_off_once(task: Task) -> None:
        if len(handler.seen) == 1:
            raise Reschedule(timedelta(milliseconds=200))

    handler = Handler(put_off_once)
    failures = metric("task_failures_total", kind="label")
    async with running(TaskRunner(database, {"label": handler})):
        await ask(database, "a")
        await none_left(database)
    assert [task.attempt for task in handler.seen] == [1, 1]
    assert metric("task_failures_total", kind="label") == failures


async def test_a_task_whose_process_died_is_done_by_another(
    database: Database, other_database: Database
) -> None:
    entered = asyncio.Event()

    async def hang(task: Task) -> None:
        entered.set()
        await asyncio.Event().wait()

    lease = timedelta(seconds=1)
    victim = asyncio.create_task(TaskRunner(database, {"label": Handler(hang)}, lease=lease).run())
    await ask(database, "a")
    await entered.wait()
    for _ in range(3):
        victim.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await victim
    handler = Handler()
    async with running(TaskRunner(other_database, {"label": handler}, lease=lease)):
        await none_left(database)
    assert [task.attempt for task in handler.seen] == [2]


async def test_two_runners_share_the_work(database: Database, other_database: Database) -> None:
    async def ask_for_many(session: AsyncSession) -> None:
        for number in range(100):
            await enqueue(session, "label", str(number), {})

    handler = Handler()
    await database.write(ask_for_many)
    async with running(
        TaskRunner(database, {"label": handler}), TaskRunner(other_database, {"label": handler})
    ):
        await none_left(database)
    assert sorted(handler.keys, key=int) == [str(number) for number in range(100)]


async def test_a_handler_that_takes_too_long_is_cancelled_before_its_lease_ends(database: Database) -> None:
    async def hang_once(task: Task) -> None:
        if task.attempt == 1:
            await asyncio.Event().wait()

    handler = Handler(hang_once)
    async with running(TaskRunner(database, {"label": handler}, lease=timedelta(seconds=1))):
        await ask(database, "a")
        await none_left(database)
    assert [task.attempt for task in handler.seen] == [1, 2]


async def test_who_has_lost_the_lease_changes_nothing(database: Database) -> None:
    await ask(database, "a")
    late, now = uuid4(), uuid4()
    no_time = timedelta(0)

    async def lease(owner: Any, duration: timedelta) -> Any:
        (row,) = await database.write(
            lambda session: repository.lease(session, ["label"], 1, owner, duration)
        )
        return row

    row = await lease(late, no_time)
    await lease(now, timedelta(minutes=1))
    before = await rows(database)
    for write in (
        lambda session: repository.complete(session, row.id, late),
        lambda session: repository.put_off(session, row.id, late, no_time),
        lambda session: repository.note_failure(session, row.id, late, no_time, "late"),
    ):
        assert await database.write(write) is False
    assert await rows(database) == before
    assert await database.write(lambda session: repository.complete(session, row.id, now)) is True
    assert await rows(database) == []


async def test_tasks_of_unknown_kinds_are_left_to_newer_images(database: Database) -> None:
    await database.write(lambda session: enqueue(session, "unheard of", "a", {}))
    await ask(database, "b")
    async with running(TaskRunner(database, {"label": Handler()})):

        async def the_other_is_done() -> bool:
            return len(await rows(database)) == 1

        await eventually(the_other_is_done)
    (left,) = await rows(database)
    assert (left.kind, left.attempts) == ("unheard of", 0)


async def test_the_task_in_hand_is_finished_when_the_process_stops(database: Database) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def wait(task: Task) -> None:
        entered.set()
        await go_on.wait()

    handler = Handler(wait)
    worker = asyncio.create_task(TaskRunner(database, {"label": handler}, concurrency=1).run())
    await ask(database, "a")
    await entered.wait()
    await ask(database, "b")
    worker.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await worker
    assert handler.keys == ["a"]
    assert [row.key for row in await rows(database)] == ["b"]


async def test_tasks_hold_no_connection(settings: DatabaseSettings, database: Database) -> None:
    small = Database(settings.model_copy(update={"pool_size": 1}), "order")
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def wait(task: Task) -> None:
        if len(handler.seen) == 4:
            entered.set()
        await go_on.wait()

    handler = Handler(wait)
    async with running(TaskRunner(small, {"label": handler}, concurrency=4)):
        for key in "abcd":
            await ask(small, key)
        await entered.wait()
        assert len(await rows(small)) == 4
        go_on.set()
        await none_left(small)
    await small.close()


async def test_pending_tasks_are_told(database: Database) -> None:
    kind = "told"  # nothing has been told of it by the test before
    await ask(database, "a", run_at=datetime.now(UTC) + timedelta(hours=1), kind=kind)
    async with running(TaskRunner(database, {kind: Handler()})):

        async def is_told() -> bool:
            return metric("tasks_pending", kind=kind) == 1

        await eventually(is_told)
        assert metric("tasks_overdue_seconds", kind=kind) == 0
        await ask(database, "a", kind=kind)

        async def none_is_told() -> bool:
            return metric("tasks_pending", kind=kind) == 0

        await eventually(none_is_told)


async def test_what_became_of_a_task_is_written_when_the_database_is_back(
    fragile_database: Database, fragile_postgres: PostgresServer
) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def wait(task: Task) -> None:
        entered.set()
        await go_on.wait()

    handler = Handler(wait)
    async with running(TaskRunner(fragile_database, {"label": handler})):
        await ask(fragile_database, "a")
        await entered.wait()
        fragile_postgres.stop()
        go_on.set()
        fragile_postgres.restore()
        await none_left(fragile_database)
    assert handler.keys == ["a"]
