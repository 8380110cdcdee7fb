"""Sets numbered keys in Redis."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tests.chaos.stores.clients.ledger import PATIENCE, Ledger, Write, password, run, write_for_ever

PREFIX = "product:fault-probe:"


def client(patience: float = PATIENCE) -> Redis:
    return Redis(
        host="redis-primary.ha-data",
        username="product",
        password=password("redis"),
        socket_timeout=patience,
        socket_connect_timeout=PATIENCE,
        # Its own attempts would hide how long nothing was answered.
        retry=Retry(NoBackoff(), 0),
        single_connection_client=True,
        decode_responses=True,
    )


@contextlib.asynccontextmanager
async def connect() -> AsyncIterator[Write]:
    connection = client()
    try:
        yield lambda key: connection.set(PREFIX + key, 1)
    finally:
        with contextlib.suppress(Exception):
            await connection.aclose()


async def write() -> None:
    await write_for_ever(Ledger("redis"), connect)


async def read() -> None:
    async with client(10) as connection:
        async for key in connection.scan_iter(f"{PREFIX}*", count=2000):
            print(key.removeprefix(PREFIX))


async def remove(key: str) -> str:
    async with client(10) as connection:
        return key if await connection.delete(PREFIX + key) else "nothing"


if __name__ == "__main__":
    run(write, read, remove)
