"""Dead letters can be looked at, tried again and thrown away."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from storefront_common.events import Event
from storefront_common.messaging import dead_letters
from storefront_common.messaging.broker import Broker, BrokerUnavailableError
from storefront_common.messaging.consumer import Consumer
from storefront_common.settings import BrokerSettings

from tests.services.messaging.queues import Queues, event
from tests.services.messaging.workers import running
from tests.services.rabbitmq_server import RabbitMQServer
from tests.services.service_process import eventually, program

pytestmark = pytest.mark.services

KIND = "product.removed"


async def refuse(_session: None, _message: Event[Any]) -> None:
    """A handler that can do nothing."""
    raise LookupError("no such product")


async def letters(broker: Broker, queues: Queues, *bodies: dict[str, Any] | bytes) -> list[UUID | None]:
    """Have these messages become dead letters; their ids."""
    sent = []
    async with running(Consumer("order", None, broker, {KIND: refuse}, prefetch=1)):
        for body in bodies:
            sent.append(await queues.send(body))

            await has_depth(queues, len(sent))
    return sent


async def has_depth(queues: Queues, depth: int) -> None:
    """Return when there are so many dead letters; those that were looked at go back a moment later."""

    async def does_it() -> bool:
        return await queues.depth("order.dead") == depth

    await eventually(does_it)


async def test_dead_letters_are_listed_and_stay(broker: Broker, queues: Queues) -> None:
    good = event()
    sent = await letters(broker, queues, good, b"poison")
    for _ in range(2):
        await has_depth(queues, 2)
        found = await dead_letters.find(broker, "order")
        assert [letter.id for letter in found][:1] == [str(sent[0])]
        first, second = found
        assert (first.type, first.subject, first.failures) == (KIND, good["subject"], 3)
        assert first.error == "LookupError: no such product"
        assert json.loads(first.body) == good
        assert first.died_at is not None
        assert (second.type, second.failures, second.body) == (None, 0, b"poison")
        assert second.error is not None
        assert second.error.startswith("not an event")
    await has_depth(queues, 2)
    assert len(await dead_letters.find(broker, "order", limit=1)) == 1


async def test_a_replayed_letter_is_handled_as_if_it_were_new(broker: Broker, queues: Queues) -> None:
    one, other = await letters(broker, queues, event(), event())
    seen: list[UUID] = []

    async def handle(_session: None, message: Event[Any]) -> None:
        seen.append(message.id)
        if len(seen) < 4:
            raise LookupError("still")

    assert await dead_letters.replay(broker, "order", {str(one), "unheard of"}) == 1
    async with running(Consumer("order", None, broker, {KIND: handle})):

        async def all_tries() -> bool:
            return seen == [one] * 4

        await eventually(all_tries)
    await has_depth(queues, 1)
    (left,) = await dead_letters.find(broker, "order")
    await has_depth(queues, 1)
    assert left.id == str(other)
    assert await dead_letters.replay(broker, "order", None) == 1
    assert await queues.depth("order") == 1


async def test_discarded_letters_are_gone(broker: Broker, queues: Queues) -> None:
    one, _, _ = await letters(broker, queues, event(), event(), b"poison")
    assert await dead_letters.discard(broker, "order", {str(one)}) == 1
    await has_depth(queues, 2)
    assert await dead_letters.discard(broker, "order", None) == 2
    assert await dead_letters.find(broker, "order") == []
    assert await queues.depth("order") == 0


async def test_a_letter_stays_when_its_queue_is_gone(
    broker: Broker, queues: Queues, rabbitmq: RabbitMQServer, virtual_host: str
) -> None:
    await letters(broker, queues, event())
    rabbitmq.api("DELETE", f"/queues/{virtual_host}/order")
    try:
        with pytest.raises(BrokerUnavailableError, match="order cannot be reached"):
            await dead_letters.replay(broker, "order", None)
        await has_depth(queues, 1)
    finally:
        rabbitmq.create_virtual_host(virtual_host)


async def test_a_broker_that_is_away_is_told(broker_settings: Callable[..., BrokerSettings]) -> None:
    away = Broker(broker_settings(port=9), "order")
    with pytest.raises(BrokerUnavailableError):
        await dead_letters.find(away, "order")
    assert await away.ready() is False


async def test_the_command(
    broker: Broker, queues: Queues, rabbitmq: RabbitMQServer, virtual_host: str, secrets: Path
) -> None:
    one, other, _ = await letters(broker, queues, event(), event(), b"poison")
    environment = {"PATH": os.environ["PATH"], **rabbitmq.environment(virtual_host, "order", secrets)}

    async def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            subprocess.run,
            [program("order-service"), "dead-letters", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    listed = await run("list", "--limit", "2")
    assert [json.loads(line)["id"] for line in listed.stdout.splitlines()] == [str(one), str(other)]
    await has_depth(queues, 3)
    assert (await run("replay", "--id", str(one))).stdout == "1 replayed\n"
    assert await queues.depth("order") == 1
    await has_depth(queues, 2)
    assert (await run("discard", "--all")).stdout == "2 discarded\n"
    environment["RABBITMQ_PORT"] = "9"
    failed = await run("list")
    assert failed.returncode == 1
    assert "RabbitMQ cannot be asked" in failed.stderr
