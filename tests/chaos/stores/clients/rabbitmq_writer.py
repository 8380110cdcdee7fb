"""Publishes numbered messages to a quorum queue, each with a confirmation of its own."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractQueue

from tests.chaos.stores.clients.ledger import PATIENCE, Ledger, Write, password, run, write_for_ever

QUEUE = "fault-probe"
_WHOLE = 100.0
_AT_ONCE = 500
"""Messages that are acknowledged together: one by one takes longer than publishing them."""


@contextlib.asynccontextmanager
async def channel(patience: float = PATIENCE) -> AsyncIterator[AbstractChannel]:
    async with asyncio.timeout(patience):
        connection = await aio_pika.connect(
            host="rabbitmq.ha-data",
            login="admin",
            password=password("rabbitmq"),
            virtualhost="storefront",
            timeout=patience,
        )
    try:
        async with asyncio.timeout(patience):
            opened = await connection.channel(publisher_confirms=True)
        yield opened
    finally:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(PATIENCE):
                await connection.close()


async def declared(channel: AbstractChannel) -> AbstractQueue:
    arguments: dict[str, object] = {"x-queue-type": "quorum", "x-quorum-initial-group-size": 3}
    return await channel.declare_queue(QUEUE, durable=True, arguments=arguments)  # type: ignore[arg-type]


async def publish(channel: AbstractChannel, key: str) -> None:
    # Mandatory: a message that no queue has taken comes back as an error instead of being confirmed.
    message = aio_pika.Message(key.encode(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
    await channel.default_exchange.publish(message, QUEUE, mandatory=True)


@contextlib.asynccontextmanager
async def connect() -> AsyncIterator[Write]:
    async with channel() as opened:
        yield lambda key: publish(opened, key)


async def write() -> None:
    while True:
        try:
            async with channel(5) as opened, asyncio.timeout(20):
                await declared(opened)
            break
        except Exception as error:  # the cluster is not there yet
            print(repr(error), flush=True)
            await asyncio.sleep(PATIENCE)
    await write_for_ever(Ledger("rabbitmq"), connect)


async def read() -> None:
    """Everything up to a message that is sent now: the queue keeps the order, and this empties it."""
    last = f"marker.{uuid.uuid4()}"
    async with channel(10) as opened:
        await opened.set_qos(prefetch_count=4 * _AT_ONCE)
        queue = await declared(opened)
        await publish(opened, last)
        async with asyncio.timeout(_WHOLE), queue.iterator() as messages:
            number = 0
            async for message in messages:
                number += 1
                key = message.body.decode()
                print(key)
                if key == last or number % _AT_ONCE == 0:
                    await message.ack(multiple=True)
                if key == last:
                    return


async def remove(key: str) -> str:
    """Takes the oldest message, whichever that is: a queue has no keys."""
    async with channel(10) as opened:
        queue = await declared(opened)
        message = await queue.get(timeout=10)
        assert message is not None
        await message.ack()
        return message.body.decode()


if __name__ == "__main__":
    run(write, read, remove)
