"""Messages are handled: each event's effect once, whatever breaks meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from opentelemetry import trace
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.database import Database
from storefront_common.events import Event, ProductRemoved
from storefront_common.messaging import consumer
from storefront_common.messaging.broker import Broker
from storefront_common.messaging.consumer import Consumer, OutsideTransaction
from storefront_common.settings import BrokerSettings, DatabaseSettings

from tests.services.messaging.conftest import create_tables, database_settings
from tests.services.messaging.queues import Queues, event
from tests.services.messaging.workers import metric, running
from tests.services.postgres_server import PostgresServer
from tests.services.rabbitmq_server import RabbitMQServer
from tests.services.service_process import eventually
from tests.services.tcp_proxy import TcpProxy

pytestmark = [
    pytest.mark.services,
    # Of workers that are killed in the middle.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

KIND = "product.removed"


async def note(session: AsyncSession, message: Event[ProductRemoved]) -> None:
    """A handler that leaves a trace."""
    await session.execute(
        text("INSERT INTO effects VALUES (:id, :note)"), {"id": message.id, "note": message.data.sku}
    )


async def effects(database: Database) -> list[UUID]:
    """The ids of the events that were handled, as often as they were."""

    async def work(session: AsyncSession) -> list[UUID]:
        return [row[0] for row in await session.execute(text("SELECT event_id FROM effects"))]

    return await database.read(work)


def consumed(outcome: str, kind: str = KIND) -> float:
    """How many messages came to that."""
    return metric("messages_consumed_total", type=kind, outcome=outcome)


async def grows(reading: Callable[[], float], beyond: float) -> None:
    """Return when a metric is greater than `beyond`."""

    async def is_greater() -> bool:
        return reading() > beyond

    await eventually(is_greater)


async def is_done(database: Database, *ids: UUID | None) -> None:
    """Return when just these events were handled."""
    seen: list[UUID] = []

    async def all_are() -> bool:
        seen[:] = await effects(database)
        return sorted(seen) == sorted(sent for sent in ids if sent)

    await eventually(all_are, describe=lambda: f"{seen} instead of {ids}")


async def test_an_event_is_handled_once_however_often_it_is_delivered(
    database: Database, broker: Broker, queues: Queues
) -> None:
    duplicates = consumed("duplicate")
    first = event()
    async with running(Consumer("order", database, broker, {KIND: note})):
        for body in (first, first, first):
            await queues.send(body)
        other = await queues.send(event())
        await grows(lambda: consumed("duplicate"), duplicates + 1)
        await is_done(database, UUID(first["id"]), other)
    assert await queues.depth("order") == 0


async def test_a_message_is_acknowledged_after_its_commit(
    database: Database, broker: Broker, queues: Queues, rabbitmq: RabbitMQServer
) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def handle(session: AsyncSession, message: Event[Any]) -> None:
        await note(session, message)
        entered.set()
        await go_on.wait()

    duplicates = consumed("duplicate")
    async with running(Consumer("order", database, broker, {KIND: handle})):
        sent = await queues.send(event())
        await entered.wait()
        assert await effects(database) == []

        # Closed before the commit, so the broker has no acknowledgement and delivers it again.
        async def is_closed() -> bool:
            return rabbitmq.close_connections("order") > 0

        await eventually(is_closed)
        go_on.set()
        await grows(lambda: consumed("duplicate"), duplicates)
        await is_done(database, sent)


async def test_a_message_that_fails_comes_back_through_the_delay_queues(
    database: Database, broker: Broker, queues: Queues
) -> None:
    tries = 0

    async def handle(session: AsyncSession, message: Event[Any]) -> None:
        nonlocal tries
        await note(session, message)
        tries += 1
        if tries < 3:
            raise LookupError("not yet")

    retried = consumed("retried")
    async with running(Consumer("order", database, broker, {KIND: handle})):
        sent = await queues.send(event())
        await is_done(database, sent)
    assert tries == 3
    assert consumed("retried") == retried + 2
    assert await queues.depth("order.dead") == 0


async def test_a_message_that_fails_for_good_is_a_dead_letter(
    database: Database, broker: Broker, queues: Queues
) -> None:
    tries: list[UUID] = []

    async def handle(session: AsyncSession, message: Event[Any]) -> None:
        await note(session, message)
        tries.append(message.id)
        raise LookupError("never")

    dead = metric("messages_dead_total", type=KIND)
    async with running(Consumer("order", database, broker, {KIND: handle})):
        sent = await queues.send(event(), {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"})
        await has_depth(queues, "order.dead", 1)
    assert tries == [sent] * 4
    assert await effects(database) == []
    assert metric("messages_dead_total", type=KIND) == dead + 1
    letter = await queues.take("order.dead")
    assert letter is not None
    assert letter.message_id == str(sent)
    assert letter.headers["x-attempt"] == 3
    assert letter.headers["x-error"] == "LookupError: never"
    assert str(letter.headers["traceparent"]).startswith("00-" + "a" * 32)


async def has_depth(queues: Queues, queue: str, depth: int) -> None:
    """Return when so many messages wait in `queue`."""

    seen = -1

    async def does_it() -> bool:
        nonlocal seen
        seen = await queues.depth(queue)
        return seen == depth

    await eventually(does_it, describe=lambda: f"{seen} instead of {depth}")


@pytest.mark.parametrize(
    "poison",
    [
        b"",
        b"\xff\xfe",
        b"[1, 2]",
        b'{"type": 3}',
        b"[" * 100_000,
        {**event(), "id": "not a uuid"},
        {**event(), "data": {"productId": "1", "sku": None}},
        {**event(), "dataversion": 2},
        {name: value for name, value in event().items() if name != "aggregateversion"},
    ],
    ids=["empty", "no-text", "no-object", "no-type", "deep", "no-id", "bad-data", "later", "no-version"],
)
async def test_a_message_that_cannot_be_read_is_a_dead_letter_at_once(
    database: Database, broker: Broker, queues: Queues, poison: dict[str, Any] | bytes
) -> None:
    async with running(Consumer("order", database, broker, {KIND: note})):
        await queues.send(poison)
        after = await queues.send(event())
        await is_done(database, after)
        await has_depth(queues, "order.dead", 1)
    letter = await queues.take("order.dead")
    assert letter is not None
    assert letter.headers.get("x-attempt") is None


async def test_unknown_types_are_passed_over_and_unknown_fields_ignored(
    database: Database, broker: Broker, queues: Queues
) -> None:
    ignored = {kind: consumed("ignored", kind) for kind in ("unknown", "user.changed")}
    async with running(Consumer("order", database, broker, {KIND: note})):
        await queues.send(event("comet.seen"))
        # Nobody handles it, so nobody minds that its data is none.
        await queues.send(event("user.changed"))
        extended = event(traceparent="x")
        extended["data"] |= {"colour": "red", "nested": {"deep": [1]}}
        sent = await queues.send(extended)
        await is_done(database, sent)
        for kind, before in ignored.items():
            await grows(lambda kind=kind: consumed("ignored", kind), before)
    assert await queues.depth("order") == await queues.depth("order.dead") == 0


async def test_messages_survive_a_restart_of_the_broker(
    database: Database, broker: Broker, queues: Queues, rabbitmq: RabbitMQServer
) -> None:
    async with running(Consumer("order", database, broker, {KIND: note})):
        first = await queues.send(event())
        await is_done(database, first)
    waiting = [await queues.send(event()) for _ in range(20)]
    await asyncio.to_thread(rabbitmq.stop)
    async with running(Consumer("order", database, broker, {KIND: note})):
        await asyncio.to_thread(rabbitmq.restore)
        await is_done(database, first, *waiting)


async def test_a_network_that_breaks_costs_nothing_but_time(
    database: Database,
    broker_settings: Callable[..., BrokerSettings],
    rabbitmq: RabbitMQServer,
    queues: Queues,
) -> None:
    async with TcpProxy(rabbitmq.host, rabbitmq.port) as network:
        broker = Broker(broker_settings(port=network.port), "order")
        async with running(Consumer("order", database, broker, {KIND: note})):
            sent = []
            for _ in range(3):
                sent += [await queues.send(event()) for _ in range(20)]
                await network.cut()
                sent += [await queues.send(event()) for _ in range(20)]
                await network.mend()
            await is_done(database, *sent)
        await broker.close()


async def test_a_queue_that_is_declared_later_is_read_then(
    database: Database,
    broker: Broker,
    queues: Queues,
    rabbitmq: RabbitMQServer,
    virtual_host: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[int] = []
    channel = Broker.channel

    def counted(self: Broker, prefetch: int = 0) -> Any:
        opened.append(prefetch)
        return channel(self, prefetch)

    async def tried_in_vain() -> bool:
        return len(opened) > 1

    monkeypatch.setattr(Broker, "channel", counted)
    arguments = rabbitmq.api("GET", f"/queues/{virtual_host}/order")["arguments"]
    rabbitmq.api("DELETE", f"/queues/{virtual_host}/order")
    declaration = {"durable": True, "arguments": arguments}
    try:
        async with running(Consumer("order", database, broker, {KIND: note})):
            await eventually(tried_in_vain)
            rabbitmq.api("PUT", f"/queues/{virtual_host}/order", declaration)
            await queues.bind("order", KIND)
            sent = await queues.send(event())
            await is_done(database, sent)

            # The same with a queue that is taken away while it is read.
            opened.clear()
            rabbitmq.api("DELETE", f"/queues/{virtual_host}/order")
            await eventually(tried_in_vain)
            rabbitmq.api("PUT", f"/queues/{virtual_host}/order", declaration)
            await queues.bind("order", KIND)
            other = await queues.send(event())
            await is_done(database, sent, other)
    finally:
        rabbitmq.create_virtual_host(virtual_host)


async def test_the_message_in_hand_is_finished_when_the_process_stops(
    database: Database, broker: Broker, queues: Queues
) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def handle(session: AsyncSession, message: Event[Any]) -> None:
        await note(session, message)
        entered.set()
        await go_on.wait()

    task = asyncio.create_task(Consumer("order", database, broker, {KIND: handle}, prefetch=1).run())
    first = await queues.send(event())
    await entered.wait()
    await queues.send(event())
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await effects(database) == [first]
    await has_depth(queues, "order", 1)


async def test_a_message_that_is_given_up_comes_again(
    database: Database, broker: Broker, queues: Queues
) -> None:
    entered = asyncio.Event()

    async def hang(session: AsyncSession, message: Event[Any]) -> None:
        await note(session, message)
        entered.set()
        await asyncio.Event().wait()

    worker = Consumer("order", database, broker, {KIND: hang})
    task = asyncio.create_task(worker.run())
    sent = await queues.send(event())
    await entered.wait()
    task.cancel()
    await has_depth(queues, "order", 0)
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    async with running(Consumer("order", database, broker, {KIND: note})):
        await is_done(database, sent)


async def test_a_handler_continues_the_trace_of_its_event(
    database: Database, broker: Broker, queues: Queues
) -> None:
    traces: list[int] = []

    async def handle(session: AsyncSession, message: Event[Any]) -> None:
        traces.append(trace.get_current_span().get_span_context().trace_id)
        await note(session, message)

    async with running(Consumer("order", database, broker, {KIND: handle})):
        sent = await queues.send(event(), {"traceparent": f"00-{0xABC:032x}-{0xDEF:016x}-01"})
        await is_done(database, sent)
    assert traces == [0xABC]


async def test_handlers_without_a_transaction(database: Database, broker: Broker, queues: Queues) -> None:
    seen: list[UUID] = []

    async def handle(session: None, message: Event[Any]) -> None:
        assert session is None
        seen.append(message.id)
        if len(seen) % 2:
            raise LookupError

    async def both_tried() -> bool:
        return len(seen) == 2

    for worker in (
        Consumer("order", None, broker, {KIND: handle}),
        Consumer("order", database, broker, {KIND: OutsideTransaction(handle)}),
    ):
        seen.clear()
        async with running(worker):
            sent = await queues.send(event())
            await eventually(both_tried)
        assert seen == [sent, sent]


async def test_a_message_holds_no_connection_while_it_waits(
    settings: DatabaseSettings, broker: Broker, queues: Queues, database: Database
) -> None:
    """One connection is enough for all messages, those that wait for other systems included."""
    small = Database(settings.model_copy(update={"pool_size": 1}), "order")
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def wait_outside(_session: None, _message: Event[Any]) -> None:
        waiting.set()
        await go_on.wait()

    handlers = {KIND: note, "user.data_erased": OutsideTransaction(wait_outside)}
    async with running(Consumer("order", small, broker, handlers, prefetch=8)):
        request = {"requestId": "1f1d3e52-8f4f-4c34-9d7e-6f35b4f9b8a1", "service": "order"}
        await queues.send(event("user.data_erased", data=request))
        await waiting.wait()
        sent = [await queues.send(event()) for _ in range(30)]
        await is_done(database, *sent)
        go_on.set()
    await small.close()


def test_a_handler_for_an_event_that_does_not_exist_is_a_mistake(broker_settings: Any) -> None:
    async def build() -> None:
        Consumer("order", None, Broker(broker_settings(), "order"), {"order.plcaed": note})

    with pytest.raises(ValueError, match=r"order\.plcaed"):
        asyncio.run(build())


@pytest.fixture(scope="module")
def fragile_settings(fragile_server: PostgresServer, secrets: Path) -> DatabaseSettings:
    """A database on a server that may be stopped."""
    create_tables(fragile_server, "consumer")
    return database_settings(fragile_server, "consumer", secrets)


@pytest_asyncio.fixture
async def fragile(
    fragile_postgres: PostgresServer, fragile_settings: DatabaseSettings
) -> AsyncIterator[Database]:
    """That database, empty."""
    opened = Database(fragile_settings, "order")

    async def clear(session: AsyncSession) -> None:
        await session.execute(text("TRUNCATE inbox, effects"))

    await opened.write(clear)
    yield opened
    await opened.close()


@pytest.mark.parametrize("fault", ["stop", "freeze"])
async def test_messages_wait_for_a_database_that_is_away(
    fragile: Database,
    fragile_postgres: PostgresServer,
    broker: Broker,
    queues: Queues,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    # Held for so short that it goes round through the delay queue, too.
    monkeypatch.setattr(consumer, "_PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(consumer, "_DATABASE_PAUSE_SECONDS", 0.2)
    retried, postponed = consumed("retried"), consumed("postponed")
    async with running(Consumer("order", fragile, broker, {KIND: note})):
        before = await queues.send(event())
        await is_done(fragile, before)
        getattr(fragile_postgres, fault)()
        sent = [await queues.send(event()) for _ in range(10)]
        await grows(lambda: consumed("postponed"), postponed)
        fragile_postgres.restore()
        await is_done(fragile, before, *sent)
    assert consumed("retried") == retried
    assert await queues.depth("order.dead") == 0


async def test_a_message_that_breaks_its_connection_each_time_is_to_blame(
    fragile: Database, broker: Broker, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "_DOUBTS", 1)
    monkeypatch.setattr(consumer, "_DATABASE_PAUSE_SECONDS", 0.05)

    async def break_it(session: AsyncSession, _message: Event[Any]) -> None:
        await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    async with running(Consumer("order", fragile, broker, {KIND: break_it})):
        await queues.send(event())
        await has_depth(queues, "order.dead", 1)
