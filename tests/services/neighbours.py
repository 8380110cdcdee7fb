"""The other services as one service meets them: what they publish, and what reaches their queues."""

from __future__ import annotations

from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from uuid import UUID, uuid4

import aio_pika
from storefront_common.events import Event, EventData, decode, encode

from tests.services.rabbitmq_server import ADMIN, PASSWORD, RabbitMQServer
from tests.services.service_process import eventually


class Neighbours:
    """A connection to the broker that may do everything; used as an async context manager."""

    def __init__(self, server: RabbitMQServer, virtual_host: str) -> None:
        self._server = server
        self._virtual_host = virtual_host

    async def __aenter__(self) -> Neighbours:
        self._connection = await aio_pika.connect(
            host=self._server.host,
            port=self._server.port,
            login=ADMIN,
            password=PASSWORD,
            virtualhost=self._virtual_host,
        )
        self._channel = await self._connection.channel()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.close()

    async def tell(
        self,
        source: str,
        data: EventData,
        *,
        subject: str = "",
        version: int = 1,
        event_id: UUID | None = None,
    ) -> Event[Any]:
        """Publish an event as `source` would; the event."""
        event = Event(
            id=event_id or uuid4(),
            source=source,
            type=data.type,
            subject=subject,
            time=datetime.now(UTC),
            aggregateversion=version,
            data=data,
        )
        await self.send(event)
        return event

    async def send(self, event: Event[Any]) -> None:
        """Publish `event`, which may have been published before."""
        await self.send_bytes(encode(event), event.type, str(event.id))

    async def send_bytes(self, body: bytes, routing_key: str, message_id: str | None = None) -> None:
        """Publish whatever it is."""
        exchange = await self._channel.get_exchange("events", ensure=False)
        message = aio_pika.Message(
            body,
            message_id=message_id,
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        await exchange.publish(message, routing_key)

    async def heard(self, queue: str, kind: str, subject: str, within: float = 20.0) -> Event[Any]:
        """The next event of that type and subject in `queue`; what stands before it is thrown away."""

        async def next_one() -> Event[Any] | None:
            waiting = await self._channel.get_queue(queue, ensure=False)
            while (message := await waiting.get(no_ack=True, fail=False)) is not None:
                event = decode(message.body)
                if (event.type, event.subject) == (kind, subject):
                    return event
            return None

        event: Event[Any] = await eventually(
            next_one, within=within, describe=lambda: f"{kind} of {subject} in {queue}"
        )
        return event

    async def depth(self, queue: str) -> int:
        """How many messages wait in `queue`."""
        declared = await self._channel.declare_queue(queue, passive=True)
        return int(declared.declaration_result.message_count or 0)

    async def empty(self, *queues: str) -> None:
        """Throw away what is in `queues`."""
        for queue in queues:
            await (await self._channel.get_queue(queue, ensure=False)).purge()
