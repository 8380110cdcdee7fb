"""A small real HTTP server that misbehaves as a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""What is done once a request has arrived, which is when its effect happens."""


def answer(status: int = 200, body: str = "{}", **headers: str) -> Behaviour:
    """Answer like that."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        lines = [
            f"HTTP/1.1 {status} Whatever",
            "content-type: application/json",
            f"content-length: {len(body)}",
        ]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        await writer.drain()

    return behave


async def hang(writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def close(writer: asyncio.StreamWriter) -> None:
    """Do it, but close the connection without a word."""


async def drip(writer: asyncio.StreamWriter) -> None:
    """Answer for ever, one byte at a time and each in good time."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def talk_nonsense(writer: asyncio.StreamWriter) -> None:
    """Answer something that is not HTTP."""
    writer.write(b"220 mail.example.com ESMTP\r\n")
    await writer.drain()


class ScriptedServer:
    """Behaves as `script` says, request by request; the last behaviour stays. Keeps every request's text."""

    def __init__(self, *script: Behaviour) -> None:
        self.script = list(script)
        self.requests: list[str] = []
        self.asked = asyncio.Event()
        """Set when the first request has arrived."""
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(
                (int(line.split(":")[1]) for line in head.lower().splitlines() if "content-length" in line), 0
            )
            body = (await reader.readexactly(length)).decode()
            self.requests.append(head + body)
            self.asked.set()
            behave = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            await behave(writer)
        except (asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
