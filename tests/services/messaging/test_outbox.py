"""Events leave the outbox: all of them, after their transaction, and not twice unless somebody dies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from opentelemetry import context, trace
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.database import Database
from storefront_common.events import ProductRemoved, decode
from storefront_common.messaging import outbox, relay
from storefront_common.messaging.broker import Broker
from storefront_common.messaging.consumer import Consumer
from storefront_common.messaging.outbox import OutboxRelay
from storefront_common.settings import BrokerSettings, DatabaseSettings

from tests.services.messaging.queues import Queues
from tests.services.messaging.workers import metric, running
from tests.services.rabbitmq_server import RabbitMQServer
from tests.services.service_process import eventually
from tests.services.tcp_proxy import TcpProxy

pytestmark = [
    pytest.mark.services,
    # Of workers that are killed in the middle.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

PRODUCT = UUID("1f1d3e52-8f4f-4c34-9d7e-6f35b4f9b8a1")


async def add(database: Database, *skus: str) -> None:
    """Commit an event for each SKU, all in one transaction."""

    async def work(session: AsyncSession) -> None:
        for number, sku in enumerate(skus):
            await outbox.add(session, ProductRemoved(product_id=PRODUCT, sku=sku), str(PRODUCT), number)

    await database.write(work)


async def rows(database: Database, statement: str) -> list[Any]:
    """The rows of a statement."""

    async def work(session: AsyncSession) -> list[Any]:
        result = await session.execute(text(statement))
        return list(result.all()) if result.returns_rows else []

    return await database.write(work)


async def unsent(database: Database) -> int:
    """How many events wait."""
    return int((await rows(database, "SELECT count(*) FROM outbox WHERE sent_at IS NULL"))[0][0])


async def all_sent(database: Database) -> None:
    """Return when no event waits."""

    async def none_waits() -> bool:
        return await unsent(database) == 0

    await eventually(none_waits)


async def received(queues: Queues, queue: str = "order") -> list[Any]:
    """The events in a queue, in their order, taken out of it."""
    events = []
    while message := await queues.take(queue):
        events.append(decode(message.body))
    return events


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leases that end soon, so that a test need not wait for those of the dead."""
    monkeypatch.setattr(relay, "_LEASE", relay.timedelta(seconds=1))
    monkeypatch.setattr(relay, "_POLL_SECONDS", 0.2)
    return


async def test_a_committed_event_is_published(database: Database, broker: Broker, queues: Queues) -> None:
    before = metric("outbox_published_total", type="product.removed")
    async with running(OutboxRelay(database, broker)):
        await add(database, "CT-1001")
        await all_sent(database)
    message = await queues.take("order")
    assert message is not None
    event = decode(message.body)
    assert event.data == ProductRemoved(product_id=PRODUCT, sku="CT-1001")
    assert (event.source, event.subject, event.aggregateversion) == ("order", str(PRODUCT), 0)
    assert (message.message_id, message.type) == (str(event.id), "product.removed")
    assert (message.content_type, message.delivery_mode) == ("application/json", 2)
    assert metric("outbox_published_total", type="product.removed") == before + 1


async def test_an_event_continues_the_trace_that_caused_it(
    database: Database, broker: Broker, queues: Queues
) -> None:
    cause = trace.NonRecordingSpan(trace.SpanContext(0xABC, 0xDEF, True, trace.TraceFlags(1)))
    token = context.attach(trace.set_span_in_context(cause))
    await add(database, "CT-1001")
    context.detach(token)
    async with running(OutboxRelay(database, broker)):
        await all_sent(database)
    message = await queues.take("order")
    assert message is not None
    assert f"{0xABC:032x}" in str(message.headers["traceparent"])


async def test_an_event_that_is_rolled_back_is_not_published(
    database: Database, broker: Broker, queues: Queues
) -> None:
    async def work(session: AsyncSession) -> None:
        await outbox.add(session, ProductRemoved(product_id=PRODUCT, sku="never"), str(PRODUCT), 1)
        raise LookupError

    async with running(OutboxRelay(database, broker)):
        with pytest.raises(LookupError):
            await database.write(work)
        await add(database, "then")
        await all_sent(database)
    assert [event.data.sku for event in await received(queues)] == ["then"]


async def test_events_of_a_process_that_died_after_its_commit_are_published(
    database: Database, broker: Broker, queues: Queues
) -> None:
    await add(database, *(f"sku-{number}" for number in range(250)))
    async with running(OutboxRelay(database, broker)):
        await all_sent(database)
    assert [event.data.sku for event in await received(queues)] == [f"sku-{number}" for number in range(250)]


async def test_an_event_is_published_without_waiting_for_a_look(
    database: Database, broker: Broker, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_POLL_SECONDS", 3600.0)
    async with running(OutboxRelay(database, broker)):
        for sku in ("a", "b", "c"):
            await add(database, sku)
            await all_sent(database)


async def test_events_wait_for_a_broker_that_is_away(
    database: Database,
    broker_settings: Callable[..., BrokerSettings],
    rabbitmq: RabbitMQServer,
    queues: Queues,
) -> None:
    async with TcpProxy(rabbitmq.host, rabbitmq.port) as network:
        broker = Broker(broker_settings(port=network.port), "order")
        async with running(OutboxRelay(database, broker)):
            await add(database, "before")
            await all_sent(database)
            await network.cut()
            await add(database, "during-1", "during-2")

            async def is_told() -> bool:
                return metric("outbox_pending") == 2 and metric("outbox_oldest_seconds") > 0

            await eventually(is_told)
            await network.mend()
            await all_sent(database)
        await broker.close()
    assert [event.data.sku for event in await received(queues)] == ["before", "during-1", "during-2"]


async def test_a_broker_that_is_silent_holds_nobody_up(
    database: Database,
    broker_settings: Callable[..., BrokerSettings],
    rabbitmq: RabbitMQServer,
    queues: Queues,
) -> None:
    async with TcpProxy(rabbitmq.host, rabbitmq.port) as network:
        broker = Broker(broker_settings(port=network.port), "order")
        unconfirmed = metric("outbox_failures_total", reason="unconfirmed")
        async with running(OutboxRelay(database, broker)):
            await add(database, "before")
            await all_sent(database)
            network.stall()
            await add(database, "during")

            async def is_noticed() -> bool:
                return metric("outbox_failures_total", reason="unconfirmed") > unconfirmed

            await eventually(is_noticed)
            await network.mend()
            await all_sent(database)
        await broker.close()
    assert {event.data.sku for event in await received(queues)} == {"before", "during"}


@pytest.mark.usefixtures("impatient")
async def test_a_relay_killed_before_it_marks_sends_twice_and_the_inbox_knows(
    database: Database, broker: Broker, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = asyncio.Event()

    async def never(*_: Any) -> None:
        published.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(OutboxRelay, "_mark", never)
        victim = asyncio.create_task(OutboxRelay(database, broker).run())
        await add(database, "CT-1001")
        await published.wait()
        for _ in range(2):
            victim.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await victim
    assert await unsent(database) == 1

    async with running(OutboxRelay(database, broker)):
        await all_sent(database)
    assert await queues.depth("order") == 2

    async def handle(session: AsyncSession, event: Any) -> None:
        await session.execute(
            text("INSERT INTO effects VALUES (:id, :sku)"), {"id": event.id, "sku": event.data.sku}
        )

    duplicates = metric("messages_consumed_total", type="product.removed", outcome="duplicate")
    async with running(Consumer("order", database, broker, {"product.removed": handle})):

        async def is_counted() -> bool:
            now = metric("messages_consumed_total", type="product.removed", outcome="duplicate")
            return now == duplicates + 1

        await eventually(is_counted)
    assert len(await rows(database, "SELECT * FROM effects")) == 1


async def test_two_relays_send_nothing_twice(
    settings: DatabaseSettings,
    database: Database,
    broker: Broker,
    broker_settings: Callable[..., BrokerSettings],
    queues: Queues,
) -> None:
    other_database, other_broker = Database(settings, "order"), Broker(broker_settings(), "order")
    async with running(OutboxRelay(database, broker), OutboxRelay(other_database, other_broker)):
        for batch in range(20):
            await add(database, *(f"{batch}-{number}" for number in range(50)))
        await all_sent(database)
    await other_broker.close()
    await other_database.close()
    skus = [event.data.sku for event in await received(queues)]
    assert len(skus) == len(set(skus)) == 1000


async def test_an_event_that_no_queue_takes_stays_and_is_told(
    database: Database, broker: Broker, queues: Queues
) -> None:
    told = metric("outbox_failures_total", reason="unroutable")
    await queues.unbind("order", "product.removed")
    await queues.unbind("product", "product.removed")
    try:
        async with running(OutboxRelay(database, broker)):
            await add(database, "nowhere")

            async def is_told() -> bool:
                return metric("outbox_failures_total", reason="unroutable") > told

            await eventually(is_told)
            assert await unsent(database) == 1
            await queues.bind("order", "product.removed")
            await all_sent(database)
    finally:
        await queues.bind("order", "product.removed")
        await queues.bind("product", "product.removed")
    assert [event.data.sku for event in await received(queues)] == ["nowhere"]


async def test_an_event_that_a_full_queue_refuses_stays(
    database: Database, broker: Broker, queues: Queues, rabbitmq: RabbitMQServer, virtual_host: str
) -> None:
    policy = f"/policies/{virtual_host}/full"
    rabbitmq.api(
        "PUT", policy, {"pattern": "^order$", "apply-to": "queues", "definition": {"max-length": 10}}
    )
    refused = metric("outbox_failures_total", reason="refused")
    try:
        async with running(OutboxRelay(database, broker)):

            async def is_refused() -> bool:
                await add(database, *("one-more" for _ in range(5)))
                return metric("outbox_failures_total", reason="refused") > refused

            await eventually(is_refused)
            assert await unsent(database) > 0
            ids: set[UUID] = set()

            async def is_read_out() -> bool:
                ids.update(event.id for event in await received(queues))
                return await unsent(database) == 0

            await eventually(is_read_out)
    finally:
        rabbitmq.api("DELETE", policy)
    ids.update(event.id for event in await received(queues))
    assert ids == {row[0] for row in await rows(database, "SELECT id FROM outbox")}


async def test_a_batch_in_hand_is_finished_when_the_process_stops(
    database: Database, broker: Broker, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()
    publish = Broker.publish

    async def slowly(self: Broker, *arguments: Any) -> None:
        entered.set()
        await go_on.wait()
        await publish(self, *arguments)

    monkeypatch.setattr(Broker, "publish", slowly)
    task = asyncio.create_task(OutboxRelay(database, broker).run())
    await add(database, "CT-1001")
    await entered.wait()
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await unsent(database) == 0
    assert await queues.depth("order") == 1


async def test_events_that_were_sent_long_ago_are_forgotten(database: Database, broker: Broker) -> None:
    await add(database, "old", "fresh", "waiting")
    await rows(
        database,
        "UPDATE outbox SET sent_at = now() - CASE data->>'sku' WHEN 'old' THEN interval '25 hours'"
        " ELSE interval '23 hours' END WHERE data->>'sku' <> 'waiting'",
    )
    async with running(OutboxRelay(database, broker)):
        await all_sent(database)
    left = await rows(database, "SELECT data->>'sku' FROM outbox ORDER BY position")
    assert [row[0] for row in left] == ["fresh", "waiting"]


async def test_an_event_of_a_newer_image_is_passed_on_as_it_is(
    database: Database, broker: Broker, queues: Queues
) -> None:
    data = {"productId": str(PRODUCT), "sku": "CT-1001", "added": {"later": 1}}
    await rows(
        database,
        "INSERT INTO outbox (id, type, subject, aggregateversion, dataversion, data, headers)"
        f" VALUES ('{uuid4()}', 'product.removed', 's', 1, 7, '{json.dumps(data)}', '{{}}')",
    )
    async with running(OutboxRelay(database, broker)):
        await all_sent(database)
    message = await queues.take("order")
    assert message is not None
    body = json.loads(message.body)
    assert (body["dataversion"], body["data"]) == (7, data)
