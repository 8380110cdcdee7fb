"""Indexes numbered documents in Elasticsearch, and looks at searches and the cluster's health meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from elasticsearch import ApiError, AsyncElasticsearch, BadRequestError, TransportError
from elasticsearch.helpers import async_scan

from tests.chaos.stores.clients.ledger import PATIENCE, Ledger, Write, run, write_for_ever

INDEX = "products-fault-probe"
"""Of the pattern whose template gives every member a copy."""
POLL = 1.0


def client(patience: float = PATIENCE) -> AsyncElasticsearch:
    # Its own attempts would hide how long nothing was answered.
    return AsyncElasticsearch("http://elasticsearch.ha-data:9200", request_timeout=patience, max_retries=0)


@contextlib.asynccontextmanager
async def connect() -> AsyncIterator[Write]:
    connection = client()
    try:
        yield lambda key: connection.create(index=INDEX, id=key, document={"key": key})
    finally:
        await connection.close()


async def watch(ask: Callable[[AsyncElasticsearch], Awaitable[None]]) -> None:
    """Asks the same again and again, on a new connection after every failure."""
    while True:
        async with client() as connection:
            with contextlib.suppress(ApiError, TransportError):
                while True:
                    await ask(connection)
                    await asyncio.sleep(POLL)
        await asyncio.sleep(POLL / 10)


async def write() -> None:
    while True:
        try:
            async with client(20) as connection:
                await connection.indices.create(index=INDEX)
        except BadRequestError:
            break  # another client has made it
        except (ApiError, TransportError) as error:
            print(error, flush=True)
            await asyncio.sleep(PATIENCE)
        else:
            break
    ledger = Ledger("elasticsearch")

    async def search(connection: AsyncElasticsearch) -> None:
        await connection.search(index=INDEX, size=1)
        ledger.saw("search")

    async def health(connection: AsyncElasticsearch) -> None:
        ledger.saw((await connection.cluster.health())["status"])

    await asyncio.gather(write_for_ever(ledger, connect), watch(search), watch(health))


async def read() -> None:
    async with client(30) as connection:
        await connection.indices.refresh(index=INDEX)
        async for hit in async_scan(connection, index=INDEX, size=5000, _source=False):
            print(hit["_id"])


async def remove(key: str) -> str:
    async with client(10) as connection:
        await connection.delete(index=INDEX, id=key)
        return key


if __name__ == "__main__":
    run(write, read, remove)
