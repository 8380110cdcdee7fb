"""A PostgreSQL server for all tests of services, a database for each module, the service on it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.services.postgres_server import PASSWORD, NotInstalledError, PostgresServer
from tests.services.product_process import ProductProcess, eventually, migrate


@pytest.fixture(scope="session")
def secrets() -> Iterator[Path]:
    """A folder with the password file, as a mounted Secret would be."""
    folder = Path(tempfile.mkdtemp(prefix="storefront-secrets-"))
    (folder / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    yield folder
    shutil.rmtree(folder)


def _server() -> Iterator[PostgresServer]:
    folder = Path(tempfile.mkdtemp(prefix="storefront-postgres-"))
    try:
        server = PostgresServer(folder)
    except NotInstalledError as error:
        shutil.rmtree(folder)
        if os.environ.get("REQUIRE_NODES") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server that all modules share."""
    yield from _server()


@pytest.fixture(scope="module")
def fragile_server() -> Iterator[PostgresServer]:
    """A server of the module's own."""
    yield from _server()


@pytest.fixture
def fragile_postgres(fragile_server: PostgresServer) -> Iterator[PostgresServer]:
    """A server to be stopped and frozen; it runs again when the test ends."""
    yield fragile_server
    fragile_server.restore()


def environment(server: PostgresServer, database: str, secrets: Path) -> dict[str, str]:
    """What the service needs to use that database."""
    return {
        "DATABASE_HOST": server.host,
        "DATABASE_PORT": str(server.port),
        "DATABASE_NAME": database,
        "DATABASE_USER": "product",
        "DATABASE_PASSWORD_FILE": str(secrets / "password"),
    }


@pytest.fixture(scope="module")
def database(postgres: PostgresServer, secrets: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment for a migrated, empty database of the module's own."""
    name = request.module.__name__.rpartition(".")[2]
    postgres.create_database(name)
    settings = environment(postgres, name, secrets)
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


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that waits longer than the service may take."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


@pytest_asyncio.fixture
async def api(service: ProductProcess) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the ready service; paths are relative to its address."""
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(service.api, timeout=timeout) as session:

        async def is_ready() -> bool:
            async with session.get(service.ops + "/readyz") as response:
                return response.status == 200

        await eventually(is_ready)
        yield session
