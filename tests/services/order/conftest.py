"""A migrated database for each module; the service in this process for each test, without a broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from storefront_common.settings import RedisSettings

from tests.services.conftest import environment
from tests.services.identities import gateway_environment
from tests.services.order.order_process import migrate
from tests.services.order.shop import Shop
from tests.services.postgres_server import PostgresServer
from tests.services.redis_server import RedisServer


@pytest.fixture(scope="session")
def gateway_credential(secrets: Path) -> Path:
    """The file with what the gateway proves itself by."""
    return Path(gateway_environment(secrets)["GATEWAY_CREDENTIAL_FILE"])


@pytest.fixture(scope="module")
def database(postgres: PostgresServer, secrets: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment for a migrated, empty database of the module's own."""
    name = "order_" + request.module.__name__.rpartition(".")[2]
    postgres.create_database(name, "order_owner")
    settings = environment(postgres, name, secrets, "order_owner")
    migrate(settings)
    return settings


@pytest.fixture
def redis_settings(redis: RedisServer, secrets: Path) -> RedisSettings:
    """How the service uses Redis."""
    given = redis.environment("order", secrets / "password")
    return RedisSettings(**{name.removeprefix("REDIS_").lower(): value for name, value in given.items()})  # type: ignore[arg-type]


@pytest_asyncio.fixture
async def shop(
    database: dict[str, str], redis_settings: RedisSettings, gateway_credential: Path
) -> AsyncIterator[Shop]:
    """The service on the module's database."""
    async with Shop(database, redis_settings, gateway_credential) as shop:
        yield shop
