"""The least a client can do: send bodies that are ready, a number of them at a time, and read the answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

from storefront_operator.client import Client

from bench.recording import Recording, Request


class RefusedError(Exception):
    """The API server refused a request of a measurement."""


async def send(client: Client, request: Request) -> None:
    """Send one request. Raises `RefusedError`."""
    async with client.session.request(
        request.method,
        client.server + request.path,
        data=request.body,
        headers={"Content-Type": request.content_type},
    ) as response:
        answer = await response.read()
        if response.status >= 400:
            raise RefusedError(f"{request.method} {request.path}: {response.status} {answer[:500]!r}")


async def send_all(client: Client, requests: Iterable[Request], in_flight: int) -> None:
    """Send requests in their order, at most `in_flight` at a time."""
    line = iter(requests)

    async def work() -> None:
        for request in line:
            await send(client, request)

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(work())


async def install(client: Client, recording: Recording, names: Sequence[str], in_flight: int) -> float:
    """Install Storefronts without an operator, as fast as the API server takes them; returns the seconds.

    An object is sent when the namespaces of its Storefront exist; nothing else is waited for.
    """
    started = time.monotonic()
    slots = asyncio.Semaphore(in_flight)
    # As many Storefronts at a time as keep all slots busy, even while each waits for its namespaces.
    line = iter(names)

    async def one(request: Request) -> None:
        async with slots:
            await send(client, request)

    async def work() -> None:
        for name in line:
            requests = recording.of(name)
            await asyncio.gather(*(one(request) for request in requests if request.kind == "Namespace"))
            await asyncio.gather(*(one(request) for request in requests if request.kind != "Namespace"))

    async with asyncio.TaskGroup() as group:
        for _ in range(max(2, in_flight // 4)):
            group.create_task(work())
    return time.monotonic() - started
