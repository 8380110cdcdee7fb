"""What is in RabbitMQ's queues, seen by an administrator."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
from yarl import URL


def event(kind: str = "product.removed", **changes: Any) -> dict[str, Any]:
    """An event as its sender writes it; `changes` are attributes of the envelope."""
    return {
        "id": str(uuid4()),
        "source": "product",
        "type": kind,
        "subject": "1f1d3e52-8f4f-4c34-9d7e-6f35b4f9b8a1",
        "time": "2026-07-01T12:00:00+00:00",
        "dataversion": 1,
        "aggregateversion": 3,
        "data": {"productId": "1f1d3e52-8f4f-4c34-9d7e-6f35b4f9b8a1", "sku": "CT-1001"},
        **changes,
    }


class Queues:
    """Publishes, counts and takes messages."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._connection: AbstractConnection | None = None
        self._opened: AbstractChannel | None = None

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()

    async def _channel(self) -> AbstractChannel:
        # Not a robust connection: that one remembers how many messages there were.
        if self._connection is None or not self._connection.connected.is_set():
            self._connection = await aio_pika.connect(self._url)
            self._opened = None
        if self._opened is None or self._opened.is_closed:
            self._opened = await self._connection.channel()
        return self._opened

    async def send(self, body: dict[str, Any] | bytes, headers: dict[str, Any] | None = None) -> UUID | None:
        """Publish to `events` what another service would have; its id, if it has one."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        identity = body.get("id") if isinstance(body, dict) else None
        message = aio_pika.Message(
            content,
            message_id=identity,
            headers=headers or {},
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        exchange = await (await self._channel()).get_exchange("events", ensure=False)
        # Whatever it is, it goes where the events of the tests go.
        await exchange.publish(message, "product.removed")
        try:
            return UUID(identity)
        except (TypeError, ValueError):
            return None

    async def depth(self, queue: str) -> int:
        """How many messages wait in `queue`; those in a consumer's hands are not among them."""
        declared = await (await self._channel()).declare_queue(queue, passive=True)
        return int(declared.declaration_result.message_count or 0)

    async def take(self, queue: str) -> AbstractIncomingMessage | None:
        """The next message of `queue`, removed from it."""
        return await (await self._queue(queue)).get(no_ack=True, fail=False)

    async def purge(self, service: str) -> None:
        """Empty the queues of `service`."""
        for name in ("", ".dead", ".retry.1", ".retry.2", ".retry.3"):
            await (await self._queue(service + name)).purge()

    async def bind(self, queue: str, kind: str) -> None:
        """Have events of that type in `queue`."""
        await (await self._queue(queue)).bind("events", kind)

    async def unbind(self, queue: str, kind: str) -> None:
        """Have no more events of that type in `queue`."""
        await (await self._queue(queue)).unbind("events", kind)

    async def _queue(self, name: str) -> AbstractQueue:
        return await (await self._channel()).get_queue(name, ensure=False)
