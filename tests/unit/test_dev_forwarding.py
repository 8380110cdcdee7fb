"""Forwarding finds the backend that answers, and copies everything both ways."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from storefront_dev.agent.forwarding import Backend, Forwarder, relay


def refusing() -> Backend:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return "127.0.0.1", server.getsockname()[1]


@asynccontextmanager
async def serving(answer: bytes) -> AsyncIterator[Backend]:
    """A server that reads to the end of what it is sent and answers with that, after `answer`."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer + await reader.read())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()


async def test_a_backend_that_refuses_is_passed_over() -> None:
    async with serving(b"") as backend:
        forwarder = Forwarder()
        for _ in range(10):
            connection = await forwarder.connect([refusing(), backend])
            assert connection is not None
            assert connection[1].get_extra_info("peername") == backend
            connection[1].close()
            await connection[1].wait_closed()


async def test_a_backend_that_failed_is_asked_last() -> None:
    dead = refusing()
    async with serving(b"") as backend:
        forwarder = Forwarder()
        assert await forwarder.connect([dead]) is None
        assert all(forwarder._order([dead, backend])[0] == backend for _ in range(20))


async def test_no_backend_no_connection() -> None:
    assert await Forwarder().connect([]) is None


async def test_everything_is_copied_both_ways_until_both_ends_are_done() -> None:
    payload = b"x" * 5_000_000
    async with serving(b"hello ") as backend:

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            server = await Forwarder().connect([backend])
            assert server is not None
            await relay((reader, writer), server, b"first ")

        async with await asyncio.start_server(forward, "127.0.0.1", 0) as front:
            reader, writer = await asyncio.open_connection(*front.sockets[0].getsockname())
            writer.write(payload)
            writer.write_eof()
            assert await reader.read() == b"hello first " + payload
            writer.close()
            await writer.wait_closed()
