"""Forwarding TCP connections to whichever of several backends answers."""

import asyncio
import contextlib
import logging
import random
import socket
import time
from collections.abc import Sequence

_LOG = logging.getLogger(__name__)
_CONNECT_SECONDS = 0.8
# How long a backend that did not answer is asked last.
_DISTRUST_SECONDS = 10.0
# How long data may stay unacknowledged: a peer whose machine lost its power never says so.
_SILENCE_MILLISECONDS = 5000
_CHUNK = 256 * 1024

Backend = tuple[str, int]


class Forwarder:
    """Connects to backends and copies bytes; remembers which of them failed."""

    def __init__(self) -> None:
        self._failed: dict[Backend, float] = {}

    async def connect(
        self, backends: Sequence[Backend]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection to one of the backends, picked at random; None when none answers."""
        for backend in self._order(backends):
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    connection = await asyncio.open_connection(*backend, limit=_CHUNK)
            except OSError as error:  # TimeoutError is one
                _LOG.info("%s:%d does not answer: %s", *backend, str(error) or type(error).__name__)
                self._failed[backend] = time.monotonic()
                continue
            self._failed.pop(backend, None)
            return connection
        return None

    def _order(self, backends: Sequence[Backend]) -> list[Backend]:
        now = time.monotonic()
        self._failed = {each: when for each, when in self._failed.items() if now - when < _DISTRUST_SECONDS}
        return sorted(random.sample(backends, len(backends)), key=lambda each: self._failed.get(each, 0.0))


async def relay(
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    first: bytes = b"",
) -> None:
    """Copy both ways until both ends are done; `first` was read from the client already."""
    for _, writer in (client, server):
        _tune(writer)
    server[1].write(first)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_copy(client[0], server[1]))
            tasks.create_task(_copy(server[0], client[1]))
    except* OSError:
        # One end broke off: the other must not take what it got so far for all there is.
        for _, writer in (client, server):
            writer.transport.abort()
    finally:
        for _, writer in (client, server):
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()


def _tune(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE_MILLISECONDS)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
