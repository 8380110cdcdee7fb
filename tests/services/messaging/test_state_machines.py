"""Outbox and tasks against models of them, whatever happens in whatever order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.database import Database
from storefront_common.events import ProductRemoved
from storefront_common.messaging import outbox, relay
from storefront_common.settings import DatabaseSettings
from storefront_common.tasks import enqueue, repository

pytestmark = [
    pytest.mark.services,
    # Of workers that are killed in the middle.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

Result = TypeVar("Result")

STEP = 1000
"""Seconds of a pause: long enough that the time which a test takes does not matter."""

EXAMPLES = settings(
    max_examples=20,
    stateful_step_count=25,
    # A failure is told as it is found: each step of a search for a shorter one takes a second.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class OnDatabase(RuleBasedStateMachine):
    """A machine whose rules are transactions, on tables that were empty when it began."""

    database: Database
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.execute("TRUNCATE outbox, tasks")

    def write(self, work: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        """The result of a transaction."""
        return self.runner.run(self.database.write(work))

    def execute(self, statement: str) -> list[Any]:
        """The rows of a statement."""

        async def work(session: AsyncSession) -> list[Any]:
            result = await session.execute(text(statement))
            return list(result.all()) if result.returns_rows else []

        return self.write(work)


@pytest.fixture
def run(settings: DatabaseSettings) -> Iterator[Callable[[type[OnDatabase]], None]]:
    """Runs a machine."""
    with asyncio.Runner() as runner:
        database = Database(settings, "order")

        def run_machine(kind: type[OnDatabase]) -> None:
            kind.database, kind.runner = database, runner
            run_state_machine_as_test(kind, settings=EXAMPLES)

        yield run_machine
        runner.run(database.close())


@dataclass
class Modelled:
    """What is to be known of a task."""

    run_at: int
    lease: UUID | None = None
    leased_until: int = -1
    asked_again: int | None = None
    attempts: int = 0


class Tasks(OnDatabase):
    """Tasks, with runners that may be late or never come back."""

    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.tasks: dict[str, Modelled] = {}

    def free(self) -> dict[str, Modelled]:
        """The tasks that are due and in nobody's hands."""
        return {
            key: task
            for key, task in self.tasks.items()
            if task.run_at <= self.now and not (task.lease and task.leased_until >= self.now)
        }

    @rule(key=st.sampled_from("ab"), delay=st.sampled_from([0, 1, 2]))
    def enqueue(self, key: str, delay: int) -> None:
        """Ask for a task, now or later."""
        run_at = datetime.now(UTC) + timedelta(seconds=delay * STEP)
        self.write(lambda session: enqueue(session, "label", key, {}, run_at if delay else None))
        due = self.now + delay
        task = self.tasks.setdefault(key, Modelled(due))
        task.run_at = min(task.run_at, due)
        if task.leased_until >= self.now and task.lease:
            task.asked_again = due if task.asked_again is None else min(task.asked_again, due)

    @precondition(lambda self: self.free())
    @rule(target=leases, duration=st.sampled_from([0, 1]))
    def lease(self, duration: int) -> Any:
        """Take what is due, for half a step longer than `duration`."""
        owner = uuid4()
        length = timedelta(seconds=duration * STEP + STEP / 2)
        rows = self.write(lambda session: repository.lease(session, ["label"], 10, owner, length))
        free = self.free()
        assert {row.key for row in rows} == set(free)
        for row in rows:
            task = free[row.key]
            task.lease, task.leased_until, task.asked_again = owner, self.now + duration, None
            task.attempts += 1
            assert row.attempts == task.attempts
        return multiple(*((row.key, row.id, owner) for row in rows))

    @rule(lease=leases, end=st.sampled_from(["done", "failed", "put off"]), pause=st.sampled_from([1, 2]))
    def finish(self, lease: tuple[str, int, UUID], end: str, pause: int) -> None:
        """A runner tells how it went, perhaps much too late, perhaps once more."""
        key, task_id, owner = lease
        length = timedelta(seconds=pause * STEP)
        writes: dict[str, Callable[[AsyncSession], Awaitable[bool]]] = {
            "done": lambda session: repository.complete(session, task_id, owner),
            "failed": lambda session: repository.note_failure(session, task_id, owner, length, "no"),
            "put off": lambda session: repository.put_off(session, task_id, owner, length),
        }
        ours = self.write(writes[end])
        task = self.tasks.get(key)
        assert ours == (task is not None and task.lease == owner)
        if task is None or not ours:
            return
        again = [] if task.asked_again is None else [task.asked_again]
        if end != "done":
            again.append(self.now + pause)
        del self.tasks[key]
        if again:
            self.tasks[key] = Modelled(min(again), attempts=task.attempts if end == "failed" else 0)

    @precondition(lambda self: self.tasks)
    @rule()
    def wait(self) -> None:
        """A step of time passes."""
        shift = f"- interval '{STEP} seconds'"
        self.execute(
            f"UPDATE tasks SET run_at = run_at {shift}, leased_until = leased_until {shift},"
            f" asked_again = asked_again {shift}"
        )
        self.now += 1

    @invariant()
    def no_task_is_lost_or_made_up(self) -> None:
        """The tasks are those of the model."""
        rows = self.execute("SELECT key, lease, attempts FROM tasks")
        assert {row.key: (row.lease, row.attempts) for row in rows} == {
            key: (task.lease, task.attempts) for key, task in self.tasks.items()
        }


class Outbox(OnDatabase):
    """An outbox with relays that may be late, or die at any moment."""

    batches = Bundle("batches")

    def __init__(self) -> None:
        super().__init__()
        self.attempts: dict[UUID, int] = {}
        """Every committed event and how often it was taken in hand."""
        self.held: set[UUID] = set()
        """Events that a relay has in hand, and those that wait because they were refused."""
        self.sent: set[UUID] = set()
        self.received: set[UUID] = set()

    @rule(number=st.integers(1, 3), fails=st.booleans())
    def add(self, number: int, fails: bool) -> None:
        """A transaction with some events, which fails or not."""

        async def work(session: AsyncSession) -> None:
            for version in range(number):
                data = ProductRemoved(product_id=UUID(int=1), sku="CT-1001")
                await outbox.add(session, data, "s", version)
            if fails:
                raise LookupError

        if fails:
            with pytest.raises(LookupError):
                self.write(work)
        else:
            self.write(work)
        ids = {row.id for row in self.execute("SELECT id FROM outbox")}
        assert len(ids) == len(self.attempts) + (0 if fails else number)
        self.attempts |= dict.fromkeys(ids - self.attempts.keys(), 0)

    @precondition(lambda self: self.attempts)
    @rule(target=batches)
    def lease(self) -> Any:
        """A relay takes what nobody has in hand."""
        rows = self.write(relay._lease)
        assert {row.id for row in rows} == self.attempts.keys() - self.sent - self.held
        for row in rows:
            self.attempts[row.id] += 1
            self.held.add(row.id)
        return rows if rows else multiple()

    @rule(
        batch=consumes(batches),
        fate=st.sampled_from(["marks", "marks", "dies at once", "dies"]),
        data=st.data(),
    )
    def publish(self, batch: list[Any], fate: str, data: st.DataObject) -> None:
        """A relay publishes what it has in hand and marks it, perhaps after its lease has ended; or it is killed."""
        by_result: dict[Any, list[Any]] = {result: [] for result in relay._Result}
        for row in [] if fate == "dies at once" else batch:
            result = data.draw(st.sampled_from(list(relay._Result)))
            by_result[result].append(row)
            # Without a confirm nobody knows.
            if result is relay._Result.CONFIRMED or (
                result is relay._Result.UNCONFIRMED and data.draw(st.booleans())
            ):
                self.received.add(row.id)
        if fate != "marks":
            return
        self.write(lambda session: relay._write_results(session, by_result))
        # So that what was refused waits, however long the test takes.
        self.execute(
            "UPDATE outbox SET leased_until = leased_until + interval '1 hour' WHERE leased_until > now()"
        )
        for result, rows in by_result.items():
            for row in rows:
                late = self.attempts[row.id] != row.attempts
                if result is relay._Result.CONFIRMED:
                    self.sent.add(row.id)
                elif result is relay._Result.UNCONFIRMED and not late:
                    self.held.discard(row.id)
                elif not late:
                    self.held.add(row.id)

    @precondition(lambda self: self.held - self.sent)
    @rule()
    def wait(self) -> None:
        """So much time passes that every lease ends."""
        self.execute("UPDATE outbox SET leased_until = now() - interval '1 second' WHERE sent_at IS NULL")
        self.held.clear()

    @invariant()
    def what_is_marked_was_received(self) -> None:
        """Nothing counts as sent that the broker does not have."""
        rows = self.execute("SELECT id FROM outbox WHERE sent_at IS NOT NULL")
        assert {row.id for row in rows} == self.sent <= self.received

    def teardown(self) -> None:
        """In the end, a relay that lives publishes all the rest."""
        self.wait()
        rows = self.write(relay._lease)
        assert {row.id for row in rows} | self.sent == self.attempts.keys()


@pytest.mark.parametrize("machine", [Tasks, Outbox])
def test_state_machine(machine: type[OnDatabase], run: Callable[[type[OnDatabase]], None]) -> None:
    run(machine)
