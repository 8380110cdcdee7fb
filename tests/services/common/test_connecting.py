"""A database that is alive but slow to let anybody in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.database import Database, DatabaseUnavailableError
from storefront_common.settings import DatabaseSettings

from tests.services.postgres_server import PostgresServer
from tests.services.service_process import eventually
from tests.services.tcp_proxy import TcpProxy

pytestmark = pytest.mark.services

POOL_SIZE = 2


@pytest.fixture(scope="module")
def server(postgres: PostgresServer) -> PostgresServer:
    """A server with a database for this module."""
    postgres.create_database("connecting")
    return postgres


@asynccontextmanager
async def slow_database(
    server: PostgresServer, secrets: Path, *, delay: float, **limits: float
) -> AsyncIterator[tuple[Database, TcpProxy]]:
    """A database behind a network on which every new connection waits."""
    async with TcpProxy(server.host, server.port) as proxy:
        proxy.delay = delay
        settings = DatabaseSettings(
            host=proxy.host,
            port=proxy.port,
            name="connecting",
            user="product",
            password_file=secrets / "password",
            pool_size=POOL_SIZE,
            **limits,
        )
        database = Database(settings, "test")
        try:
            yield database, proxy
        finally:
            await database.close()


async def one(session: AsyncSession) -> int:
    return int((await session.execute(text("SELECT 1"))).scalar_one())


async def answers(database: Database) -> bool:
    try:
        return await database.read(one) == 1
    except DatabaseUnavailableError:
        return False


async def test_a_server_that_needs_longer_than_an_attempt_may_take_is_reached_in_the_end(
    server: PostgresServer, secrets: Path
) -> None:
    slow = slow_database(server, secrets, delay=1.5, connect_timeout=0.3, request_timeout=10)
    async with slow as (database, _):
        await eventually(lambda: answers(database), within=60)


async def test_who_gives_up_leaves_the_connection_to_the_next(server: PostgresServer, secrets: Path) -> None:
    slow = slow_database(server, secrets, delay=1.5, connect_timeout=10, request_timeout=0.3)
    async with slow as (database, proxy):

        async def one_answers() -> bool:
            return any(await asyncio.gather(*(answers(database) for _ in range(4 * POOL_SIZE))))

        await eventually(one_answers, within=60)

        assert proxy.accepted <= POOL_SIZE
