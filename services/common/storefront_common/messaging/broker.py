"""The connections to RabbitMQ.

aio-pika's robust connections are not used: they log in again with the password of the first time, and they publish
into the void while they are away. Here a connection that is gone is forgotten, and whoever needs one opens a new one.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractMessage
from aio_pika.exceptions import DeliveryError, PublishError
from aiormq.connection import TransportFactory
from yarl import URL

from storefront_common import peers
from storefront_common.settings import BrokerSettings

_HEARTBEAT_SECONDS = 10
_TCP_CONNECT_SECONDS = 1.0
"""Short: a dead node's address may stay in a Service for a while."""
_CLOSE_SECONDS = 1.0


class BrokerUnavailableError(Exception):
    """RabbitMQ cannot be reached, refuses, or did not answer in time; what was sent may have arrived."""


class RefusedError(Exception):
    """The broker did not take the message, because a queue that should have it is full."""


class UnroutableError(RefusedError):
    """No queue takes messages of that exchange and routing key: the message is nowhere."""


class Broker:
    """RabbitMQ as one service uses it. It connects when it is needed, again and again, and never hangs.

    There are two connections, as RabbitMQ advises: it holds back publishers when memory is short, and consumers on
    the same connection with them (https://www.rabbitmq.com/docs/alarms).
    """

    def __init__(self, settings: BrokerSettings, application: str) -> None:
        """`application`: the service's name, which is the name of its queue and the source of its events."""
        self._settings = settings
        self.application = application
        self._publishing = _Link(settings, f"{application} publish")
        self._consuming = _Link(settings, f"{application} consume")
        self._publisher: AbstractChannel | None = None
        self._opening = asyncio.Lock()

    async def ready(self) -> bool:
        """Whether the broker can be used now; connects when it is not connected. Ends in bounded time."""
        try:
            await self.connect()
        except BrokerUnavailableError:
            return False
        return True

    async def connect(self) -> None:
        """Be ready to publish; does nothing when it is already so.

        Raises:
            BrokerUnavailableError: that cannot be had now; the message says why.
        """
        async with self._opening:
            if self._publisher is None or self._publisher.is_closed:
                self._publisher = await self._publishing.open_channel(confirms=True)

    async def publish(self, exchange: str, routing_key: str, message: AbstractMessage) -> None:
        """Publish and wait until the broker has the message safe in a queue. Ends in bounded time.

        Raises:
            UnroutableError: there is no queue for it.
            RefusedError: a queue is full; another one may have the message.
            BrokerUnavailableError: it is not known whether the broker has it.
        """
        await self.connect()
        channel = self._publisher
        assert channel is not None
        try:
            target = await channel.get_exchange(exchange, ensure=False)
            await target.publish(message, routing_key, mandatory=True, timeout=self._settings.publish_timeout)
        except PublishError as error:
            raise UnroutableError(f"no queue takes {routing_key} from {exchange}") from error
        except DeliveryError as error:
            raise RefusedError(f"a queue for {routing_key} from {exchange} is full") from error
        except TimeoutError as error:
            # Another connection may reach a member that answers.
            self._publishing.abandon()
            raise BrokerUnavailableError(
                f"no confirm within {self._settings.publish_timeout:g} s for {routing_key} to {exchange}"
            ) from error
        except asyncio.CancelledError as error:
            if _cancelled_from_outside():
                raise
            raise BrokerUnavailableError("the connection was closed") from error
        except Exception as error:
            raise BrokerUnavailableError(f"{routing_key} to {exchange}: {error!r}") from error

    @contextlib.asynccontextmanager
    async def channel(self, prefetch: int = 0) -> AsyncIterator[AbstractChannel]:
        """A channel for reading from queues; closed at the end, and messages in hand go back to their queue.

        Args:
            prefetch: how many messages the broker may have under way to a consumer (0: no limit).

        Raises:
            BrokerUnavailableError: there is none to be had now.
        """
        channel = await self._consuming.open_channel(confirms=False, prefetch=prefetch)
        try:
            yield channel
        finally:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await channel.close()

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.gather(self._publishing.close(), self._consuming.close())


class _Link:
    """One connection, opened when it is needed and again when it is gone."""

    def __init__(self, settings: BrokerSettings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._connection: _Connection | None = None
        self._opening = asyncio.Lock()

    async def open_channel(self, *, confirms: bool, prefetch: int = 0) -> AbstractChannel:
        """A new channel.

        Raises:
            BrokerUnavailableError: in `connect_timeout` seconds there was none to be had.
        """
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                async with self._opening:
                    if self._connection is None or not self._connection.connected.is_set():
                        self._connection = await self._connect()
                channel = self._connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
                await channel.initialize()
                if prefetch:
                    await channel.set_qos(prefetch_count=prefetch)
                return channel
        except TimeoutError as error:
            self.abandon()
            raise BrokerUnavailableError(
                f"{self._where()}: no answer within {self._settings.connect_timeout:g} s"
            ) from error
        except asyncio.CancelledError as error:
            if _cancelled_from_outside():
                raise
            raise BrokerUnavailableError(f"{self._where()}: the connection was closed") from error
        except Exception as error:
            raise BrokerUnavailableError(f"{self._where()}: {error}") from error

    def abandon(self) -> None:
        """Forget the connection and cut it: to close it politely takes the very broker that does not answer."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.cut()

    async def close(self) -> None:
        """Say goodbye, or cut the connection when that takes too long."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await connection.close()
            except Exception:
                connection.cut()
                # The socket is closed in the loop's next turn.
                await asyncio.sleep(0)

    async def _connect(self) -> "_Connection":
        settings = self._settings
        url = URL.build(
            scheme="amqp",
            host=settings.host,
            port=settings.port,
            user=settings.user,
            password=settings.password(),
            path="/" + settings.virtual_host,
            query={"heartbeat": _HEARTBEAT_SECONDS, "name": self._name},
        )
        connection = _Connection(url)
        try:
            await connection.connect()
        except BaseException:
            connection.cut()
            raise
        return connection

    def _where(self) -> str:
        return f"RabbitMQ at {self._settings.host}:{self._settings.port} as {self._settings.user}"


class _Connection(aio_pika.Connection):
    """A connection whose socket is within reach."""

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self._wire = _Wire()
        self.kwargs["transport_factory"] = self._wire

    def cut(self) -> None:
        """End it at once, without a word to the other end."""
        if self._wire.writer is not None:
            self._wire.writer.transport.abort()


class _Wire(TransportFactory):
    """Opens the TCP connection so that the death of its peer is noticed."""

    def __init__(self) -> None:
        self.writer: asyncio.StreamWriter | None = None

    async def create(self, url: URL, **_: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(_TCP_CONNECT_SECONDS):
            reader, self.writer = await asyncio.open_connection(url.host, url.port)
        peers.watch(self.writer.get_extra_info("socket"))
        return reader, self.writer


def _cancelled_from_outside() -> bool:
    """Whether somebody cancels the present task; aiormq cancels what waits for a connection that closes, too."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
