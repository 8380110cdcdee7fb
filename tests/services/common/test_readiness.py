"""A replica without a free connection: busy, or cut off from a database that has fallen silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from product_service.main import MIGRATIONS
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.database import Database, DatabaseUnavailableError, Schema
from storefront_common.readiness import Readiness
from storefront_common.settings import DatabaseSettings

from tests.services.postgres_server import PostgresServer

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def server(postgres: PostgresServer) -> PostgresServer:
    """A server with a database for this module."""
    postgres.create_database("readiness")
    return postgres


@pytest.fixture
async def database(server: PostgresServer, secrets: Path) -> AsyncIterator[Database]:
    """A database with one connection: a request is given up after two seconds, waiting for it after 1.6."""
    database = Database(
        DatabaseSettings(
            host=server.host,
            port=server.port,
            name="readiness",
            user="product",
            password_file=secrets / "password",
            pool_size=1,
            request_timeout=2,
        ),
        "test",
    )
    yield database
    await database.close()


async def answered(database: Database, seconds: float) -> bool:
    """Whether a request that takes so long was answered."""

    async def work(session: AsyncSession) -> None:
        await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})

    try:
        await database.read(work)
    except DatabaseUnavailableError:
        return False
    return True


@pytest.mark.parametrize(
    ("requests", "ready"), [((0.5, 30.0), True), ((30.0,), False)], ids=["busy", "silent"]
)
async def test_a_busy_replica_stays_and_one_that_nobody_gets_an_answer_from_does_not(
    database: Database, requests: tuple[float, ...], ready: bool
) -> None:
    assert await answered(database, 0)
    readiness = Readiness(database, Schema(MIGRATIONS))
    holders = [asyncio.create_task(answered(database, seconds)) for seconds in requests]
    await asyncio.sleep(0)  # They ask first.

    obstacle = await readiness.obstacle()

    assert (obstacle is None) is ready
    assert ready or obstacle == "the database is not available (busy)"
    await asyncio.gather(*holders)
