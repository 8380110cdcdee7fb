"""A database and a virtual host for each module, and the user service on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from storefront_common.database import Schema, migration
from storefront_common.database.migration import Outcome
from storefront_common.settings import DatabaseSettings
from user_service.main import MIGRATIONS, NAME

from tests.services.conftest import environment
from tests.services.identities import gateway_environment
from tests.services.neighbours import Neighbours
from tests.services.postgres_server import PostgresServer
from tests.services.rabbitmq_server import RabbitMQServer
from tests.services.service_process import ServiceProcess, eventually


def database_settings(environment: Mapping[str, str]) -> DatabaseSettings:
    """The settings in `environment`."""
    given = {name.removeprefix("DATABASE_").lower(): value for name, value in environment.items()}
    return DatabaseSettings.model_validate(
        {name: given[name] for name in ("host", "port", "name", "user", "password_file")}
    )


def migrate(environment: Mapping[str, str]) -> Outcome:
    """What `user-service migrate` does, without the seconds that a process takes to start."""
    work = migration.migrate(database_settings(environment), Schema(MIGRATIONS), NAME, wait_seconds=30)
    # A thread of its own: the caller's may have an event loop already.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.fixture(scope="module")
def database_name(request: pytest.FixtureRequest) -> str:
    """The name of the module's database."""
    name: str = request.module.__name__.rpartition(".")[2]
    return f"user_{name}"


@pytest.fixture(scope="module")
def settings(
    postgres: PostgresServer,
    rabbitmq: RabbitMQServer,
    virtual_host: str,
    secrets: Path,
    database_name: str,
) -> dict[str, str]:
    """The environment for a migrated, empty database and the virtual host of the module's own."""
    postgres.create_database(database_name, owner="user_service")
    given = {
        **environment(postgres, database_name, secrets, user="user_service"),
        **rabbitmq.environment(virtual_host, NAME, secrets),
        **gateway_environment(secrets),
    }
    migrate(given)
    return given


@pytest.fixture(scope="module")
def service(settings: dict[str, str]) -> Iterator[ServiceProcess]:
    """The service on the module's database and virtual host."""
    process = ServiceProcess("user-service", settings)
    yield process
    assert process.stop() == 0
    assert not [line for line in process.log if line["level"] in ("error", "critical")]
    assert not process.other_output


@pytest_asyncio.fixture
async def api(service: ServiceProcess) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the ready service; paths are relative to its address."""
    async with aiohttp.ClientSession(service.api, timeout=aiohttp.ClientTimeout(total=20)) as session:

        async def is_ready() -> bool:
            async with session.get(service.ops + "/readyz") as response:
                return response.status == 200

        await eventually(is_ready)
        yield session


@pytest_asyncio.fixture
async def neighbours(rabbitmq: RabbitMQServer, virtual_host: str) -> AsyncIterator[Neighbours]:
    """The other services."""
    async with Neighbours(rabbitmq, virtual_host) as opened:
        yield opened
