"""Inserts numbered rows into PostgreSQL, each in a transaction of its own."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import asyncpg

from tests.chaos.stores.clients.ledger import PATIENCE, Ledger, Write, password, run, write_for_ever

TABLE = "fault_probe"
SAFE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
"""What an acknowledgement is worth nothing without."""


@contextlib.asynccontextmanager
async def connected(patience: float = PATIENCE) -> AsyncIterator[asyncpg.Connection]:
    async with asyncio.timeout(patience):
        connection = await asyncpg.connect(
            host="postgres-rw.ha-data", user="product", database="product", password=password("postgres")
        )
    try:
        yield connection
    finally:
        # Not `close`, which talks to a server that may be gone.
        connection.terminate()


@contextlib.asynccontextmanager
async def connect() -> AsyncIterator[Write]:
    async with connected() as connection:
        for setting, value in SAFE.items():
            found = await connection.fetchval(f"SHOW {setting}", timeout=PATIENCE)
            if found != value:
                sys.exit(f"{setting} is {found}, not {value}")

        async def write(key: str) -> object:
            return await connection.execute(f"INSERT INTO {TABLE} VALUES ($1)", key)

        yield write


async def write() -> None:
    while True:
        try:
            async with connected() as connection:
                await connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {TABLE} (key text PRIMARY KEY)", timeout=5
                )
            break
        except (OSError, asyncpg.PostgresError) as error:  # another client makes it in the same moment
            print(error, flush=True)
            await asyncio.sleep(PATIENCE)
    await write_for_ever(Ledger("postgres"), connect)


async def read() -> None:
    async with connected(10) as connection:
        await connection.copy_from_table(TABLE, output=sys.stdout.buffer, columns=["key"])


async def remove(key: str) -> str:
    async with connected(10) as connection:
        deleted = await connection.fetchval(f"DELETE FROM {TABLE} WHERE key = $1 RETURNING key", key)
        return str(deleted)


if __name__ == "__main__":
    run(write, read, remove)
