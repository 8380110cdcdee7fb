"""The other services, as the order service meets them: in RabbitMQ, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustConnection
from storefront_common.events import CATALOGUE, Event, EventData, decode, encode

from tests.services.order.shop import event_of
from tests.services.postgres_server import PASSWORD
from tests.services.rabbitmq_server import RabbitMQServer
from tests.services.service_process import eventually


class ServicesAround:
    """Publishes what the other services tell, and reads what the order service tells payment and notification."""

    def __init__(self, rabbitmq: RabbitMQServer, virtual_host: str) -> None:
        self._rabbitmq = rabbitmq
        self._virtual_host = virtual_host
        self._connections: list[AbstractRobustConnection] = []
        self.heard: list[Event[Any]] = []
        self.ids: set[str] = set()

    async def __aenter__(self) -> Self:
        for queue in ("payment", "notification"):
            channel = await (await self._connect(queue)).channel()
            await (await channel.get_queue(queue, ensure=False)).consume(self._note, no_ack=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections:
            await connection.close()

    async def tell(self, data: EventData, subject: str, version: int, *, times: int = 1) -> None:
        """Publish an event as the service that tells such, as often as it may be delivered."""
        event = event_of(data, subject, version)
        for _ in range(times):
            await self.publish(data.type, encode(event), message_id=str(event.id))

    async def publish(self, kind: str, body: bytes, **properties: Any) -> None:
        """Publish a message under that routing key, confirmed."""
        teller = {"product": "product", "stock": "product", "user": "user"}.get(
            kind.partition(".")[0], "payment"
        )
        connection = await self._connect(teller)
        async with connection.channel() as channel:
            exchange = await channel.get_exchange("events", ensure=False)
            message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT, **properties)
            await exchange.publish(message, kind)
        self._connections.remove(connection)
        await connection.close()

    async def until_heard(self, order: Mapping[str, Any], kind: str, number: int = 1) -> Any:
        """The data of the latest event of that type about the order, once there are so many different ones."""

        async def found() -> list[Event[Any]]:
            events = [each for each in self.heard if each.type == kind and each.subject == order["id"]]
            return events if len(events) >= number else []

        return (await eventually(found, describe=lambda: f"{number} {kind}: {self.kinds(order)}"))[-1].data

    def kinds(self, order: Mapping[str, Any]) -> list[str]:
        """Types of the events about the order so far."""
        return [event.type for event in self.heard if event.subject == order["id"]]

    async def _note(self, message: AbstractIncomingMessage) -> None:
        event = decode(message.body, CATALOGUE)
        if str(event.id) not in self.ids:
            self.ids.add(str(event.id))
            self.heard.append(event)

    async def _connect(self, user: str) -> AbstractRobustConnection:
        connection = await aio_pika.connect_robust(
            host=self._rabbitmq.host,
            port=self._rabbitmq.port,
            virtualhost=self._virtual_host,
            login=user,
            password=PASSWORD,
            timeout=10,
        )
        self._connections.append(connection)
        return connection
