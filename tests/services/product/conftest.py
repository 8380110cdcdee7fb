"""A database for each module, and the product service on it.

Where a test does not ask for RabbitMQ, Redis and Elasticsearch, they are away: the catalogue works all the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.services.conftest import environment
from tests.services.elasticsearch_server import ElasticsearchServer
from tests.services.identities import ADMIN, gateway_environment
from tests.services.postgres_server import PostgresServer
from tests.services.product.bus import Bus
from tests.services.product.product_process import ProductProcess, migrate
from tests.services.product.store import Store
from tests.services.rabbitmq_server import RabbitMQServer
from tests.services.redis_server import RedisServer
from tests.services.service_process import eventually

_NOBODY = "1"
"""A port on which nobody listens."""


def product_environment(server: PostgresServer, database: str, secrets: Path) -> dict[str, str]:
    """What the product service needs to use that database; the other stores are away."""
    return {
        **environment(server, database, secrets),
        **gateway_environment(secrets),
        "RABBITMQ_HOST": "127.0.0.1",
        "RABBITMQ_PORT": _NOBODY,
        "RABBITMQ_USER": "product",
        "RABBITMQ_PASSWORD_FILE": str(secrets / "password"),
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": _NOBODY,
        "REDIS_USER": "product",
        "REDIS_PASSWORD_FILE": str(secrets / "password"),
        "ELASTICSEARCH_URL": f"http://127.0.0.1:{_NOBODY}",
    }


@pytest.fixture(scope="module")
def database(postgres: PostgresServer, secrets: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment for a migrated, empty database of the module's own."""
    name = "product_" + request.module.__name__.rpartition(".")[2]
    postgres.create_database(name)
    settings = product_environment(postgres, name, secrets)
    migrate(settings)
    return settings


@pytest.fixture(scope="module")
def service(database: dict[str, str]) -> Iterator[ProductProcess]:
    """The service on the module's database."""
    process = ProductProcess(database)
    yield process
    assert process.stop() == 0
    errors = [line for line in process.log if line["level"] in ("error", "critical")]
    assert not errors
    assert not process.other_output


async def client_of(service: ProductProcess, headers: dict[str, str]) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the service, once it is ready; paths are relative to its address."""
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(service.api, timeout=timeout, headers=headers) as session:

        async def is_ready() -> bool:
            async with session.get(service.ops + "/readyz") as response:
                return response.status == 200

        await eventually(is_ready)
        yield session


@pytest_asyncio.fixture
async def api(service: ProductProcess) -> AsyncIterator[aiohttp.ClientSession]:
    """A client with an administrator's identity."""
    async for session in client_of(service, ADMIN):
        yield session


@pytest_asyncio.fixture
async def anybody(service: ProductProcess) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that is not signed in."""
    async for session in client_of(service, {}):
        yield session


@pytest_asyncio.fixture
async def store(database: dict[str, str]) -> AsyncIterator[Store]:
    """The module's database, used by the service's own functions."""
    async with Store(database) as store:
        yield store


@pytest.fixture(scope="module")
def whole_environment(
    database: dict[str, str],
    rabbitmq: RabbitMQServer,
    virtual_host: str,
    redis: RedisServer,
    elasticsearch: ElasticsearchServer,
    secrets: Path,
) -> dict[str, str]:
    """The environment of a service that has all its stores; Elasticsearch and Redis are empty."""
    for name in elasticsearch.request("GET", "/_all?filter_path=*.aliases"):
        elasticsearch.request("DELETE", f"/{name}")
    redis.clear()
    return {
        **database,
        **rabbitmq.environment(virtual_host, "product", secrets),
        **redis.environment("product", secrets / "password"),
        "ELASTICSEARCH_URL": elasticsearch.url,
    }


@pytest.fixture(scope="module")
def whole_service(whole_environment: dict[str, str]) -> Iterator[ProductProcess]:
    """The service with all its stores."""
    process = ProductProcess(whole_environment)
    yield process
    assert process.stop() == 0
    errors = [line for line in process.log if line["level"] in ("error", "critical")]
    assert not errors
    assert not process.other_output


@pytest_asyncio.fixture
async def shop(whole_service: ProductProcess) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the service with all its stores, with an administrator's identity."""
    async for session in client_of(whole_service, ADMIN):
        yield session


@pytest_asyncio.fixture
async def bus(whole_environment: dict[str, str]) -> AsyncIterator[Bus]:
    """What the services tell each other."""
    async with Bus(whole_environment) as bus:
        yield bus
