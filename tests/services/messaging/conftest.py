"""A service's database with nothing but the shared tables, its broker, and a look at its queues from outside."""

from __future__ import annotations

import gc
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.database import Database
from storefront_common.messaging import shared_migrations
from storefront_common.messaging.broker import Broker
from storefront_common.settings import BrokerSettings, DatabaseSettings
from yarl import URL

from tests.services.conftest import environment
from tests.services.messaging.queues import Queues
from tests.services.postgres_server import PASSWORD, PostgresServer
from tests.services.rabbitmq_server import ADMIN, RabbitMQServer

SERVICE = "order"
"""Whose queue the tests use; the type of their events is one that it subscribes to."""


@pytest.fixture(autouse=True)
def no_connection_is_left() -> Iterator[None]:
    """Workers that a test kills leave their connections open, as a crash does: they are collected here, not in some
    later test.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def create_tables(server: PostgresServer, name: str) -> None:
    """A database with the shared tables, and one that handlers leave their traces in."""
    server.create_database(name)
    url = f"postgresql+psycopg://product:{PASSWORD}@{server.host}:{server.port}/{name}"
    engine = create_engine(url.replace(" ", "%20"))
    with engine.begin() as connection:
        with Operations.context(MigrationContext.configure(connection)):
            shared_migrations.create_v1()
        connection.execute(text("CREATE TABLE effects (event_id uuid, note text)"))
    engine.dispose()


def database_settings(server: PostgresServer, name: str, secrets: Path) -> DatabaseSettings:
    """How to use that database."""
    given = environment(server, name, secrets)
    fields = {key.removeprefix("DATABASE_").lower(): value for key, value in given.items()}
    return DatabaseSettings.model_validate(fields)


@pytest.fixture(scope="package", autouse=True)
def plain_logs() -> Iterator[None]:
    """Tracebacks as Python writes them: the pretty ones take half a second each."""
    before = structlog.get_config()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(),
        ]
    )
    yield
    structlog.configure(**before)


@pytest.fixture(scope="module")
def settings(postgres: PostgresServer, secrets: Path, request: pytest.FixtureRequest) -> DatabaseSettings:
    """How to use the module's database."""
    name = request.module.__name__.rpartition(".")[2]
    create_tables(postgres, name)
    return database_settings(postgres, name, secrets)


@pytest_asyncio.fixture
async def database(settings: DatabaseSettings) -> AsyncIterator[Database]:
    """The module's database, with nothing in it."""
    opened = Database(settings, SERVICE)
    await opened.write(_clear)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def fragile_settings(
    fragile_server: PostgresServer, secrets: Path, request: pytest.FixtureRequest
) -> DatabaseSettings:
    """How to use a database on a server that may be stopped."""
    name = request.module.__name__.rpartition(".")[2]
    create_tables(fragile_server, name)
    return database_settings(fragile_server, name, secrets)


@pytest_asyncio.fixture
async def fragile_database(
    fragile_postgres: PostgresServer, fragile_settings: DatabaseSettings
) -> AsyncIterator[Database]:
    """A database on a server that may be stopped, with nothing in it."""
    opened = Database(fragile_settings, SERVICE)
    await opened.write(_clear)
    yield opened
    await opened.close()


async def statement(database: Database, sql: str) -> list[Any]:
    """The rows of a statement, in a transaction of its own."""

    async def work(session: AsyncSession) -> list[Any]:
        result = await session.execute(text(sql))
        return list(result.all()) if result.returns_rows else []

    return await database.write(work)


async def _clear(session: AsyncSession) -> None:
    await session.execute(text("TRUNCATE outbox, inbox, tasks, idempotency_keys, effects"))


@pytest.fixture
def broker_settings(
    rabbitmq: RabbitMQServer, virtual_host: str, secrets: Path
) -> Callable[..., BrokerSettings]:
    """How to use the module's virtual host as that service; `port` is that of a proxy."""

    def build(service: str = SERVICE, port: int = rabbitmq.port) -> BrokerSettings:
        return BrokerSettings(
            host=rabbitmq.host,
            port=port,
            virtual_host=virtual_host,
            user=service,
            password_file=secrets / "password",
            publish_timeout=2.0,
        )

    return build


@pytest_asyncio.fixture
async def broker(broker_settings: Callable[..., BrokerSettings]) -> AsyncIterator[Broker]:
    """The broker, as the service uses it."""
    opened = Broker(broker_settings(), SERVICE)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def queues(rabbitmq: RabbitMQServer, virtual_host: str) -> AsyncIterator[Queues]:
    """The queues of the module's virtual host, all of them empty."""
    url = URL.build(
        scheme="amqp",
        user=ADMIN,
        password=PASSWORD,
        host=rabbitmq.host,
        port=rabbitmq.port,
        path="/" + virtual_host,
    )
    opened = Queues(url)
    await opened.purge(SERVICE)
    yield opened
    await opened.close()
