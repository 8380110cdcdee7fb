"""RabbitMQ as the other services see it: a test tells events and hears all that are told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from uuid import UUID, uuid4

import aio_pika
from storefront_common.events import Event, EventData, encode

from tests.services.rabbitmq_server import ADMIN, PASSWORD
from tests.services.service_process import eventually


class Bus:
    """Used as an async context manager; `heard` grows while it is open."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.heard: list[dict[str, Any]] = []

    async def __aenter__(self) -> Bus:
        self._connection = await aio_pika.connect(
            host=self._environment["RABBITMQ_HOST"],
            port=int(self._environment["RABBITMQ_PORT"]),
            virtualhost=self._environment["RABBITMQ_VIRTUAL_HOST"],
            login=ADMIN,
            password=PASSWORD,
        )
        channel = await self._connection.channel()
        self._exchange = await channel.get_exchange("events", ensure=False)
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(self._exchange, "#")
        await queue.consume(self._hear, no_ack=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.close()

    async def tell(self, data: EventData, subject: UUID, *, event_id: UUID | None = None) -> None:
        """Tell the services something; returns when RabbitMQ has it."""
        event = Event(
            id=event_id or uuid4(),
            source="order",
            type=data.type,
            subject=str(subject),
            time=datetime.now(UTC),
            aggregateversion=1,
            data=data,
        )
        message = aio_pika.Message(
            encode(event),
            message_id=str(event.id),
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        await self._exchange.publish(message, routing_key=data.type, timeout=10)

    def events(self, kind: str, subject: UUID | str | None = None) -> list[dict[str, Any]]:
        """What was heard so far of that type, and about that subject if given."""
        return [
            event
            for event in self.heard
            if event["type"] == kind and subject in (None, event["subject"], _uuid(event["subject"]))
        ]

    async def hears(
        self, kind: str, subject: UUID | str | None = None, number: int = 1
    ) -> list[dict[str, Any]]:
        """The first `number` events of that type and subject, once they are heard."""

        async def enough() -> bool:
            return len(self.events(kind, subject)) >= number

        await eventually(enough, describe=lambda: f"{number} of {kind} {subject}: {self.heard[-20:]}")
        return self.events(kind, subject)[:number]

    async def _hear(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        self.heard.append(json.loads(message.body))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
