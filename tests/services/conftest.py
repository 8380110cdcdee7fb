"""What the tests of all services share: the stores, secrets as files, an HTTP client."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import aiohttp
import pytest
import pytest_asyncio
from xdist.scheduler import LoadScopeScheduling

from tests.services.debian_packages import NotInstalledError
from tests.services.elasticsearch_server import ElasticsearchServer
from tests.services.postgres_server import PASSWORD, PostgresServer
from tests.services.rabbitmq_server import RabbitMQServer
from tests.services.redis_server import RedisServer


class FolderByFolder(LoadScopeScheduling):
    """Hands whole folders to processes: each process starts the servers that a folder's tests share."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0].rpartition("/")[0]


def pytest_xdist_make_scheduler(config: pytest.Config) -> FolderByFolder:
    """Used with `--numprocesses`; the folders come in their order, as the longest are not those with most tests."""
    config.option.loadscopereorder = False
    return FolderByFolder(config)


@pytest.fixture(scope="session")
def secrets() -> Iterator[Path]:
    """A folder with the password file, as a mounted Secret would be."""
    folder = Path(tempfile.mkdtemp(prefix="storefront-secrets-"))
    (folder / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    yield folder
    shutil.rmtree(folder)


class Server(Protocol):
    """A server of one of the stores, in a folder of its own."""

    def __init__(self, folder: Path) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


S = TypeVar("S", bound=Server)


def started(kind: type[S]) -> Iterator[S]:
    """A server of that kind for as long as a fixture needs it; without its program the test is skipped."""
    folder = Path(tempfile.mkdtemp(prefix=f"storefront-{kind.__name__}-"))
    try:
        server = kind(folder)
    except NotInstalledError as error:
        shutil.rmtree(folder)
        if os.environ.get("REQUIRE_NODES") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server that all modules share."""
    yield from started(PostgresServer)


@pytest.fixture(scope="module")
def fragile_server() -> Iterator[PostgresServer]:
    """A server of the module's own."""
    yield from started(PostgresServer)


@pytest.fixture
def fragile_postgres(fragile_server: PostgresServer) -> Iterator[PostgresServer]:
    """A server to be stopped and frozen; it runs again when the test ends."""
    yield fragile_server
    fragile_server.restore()


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A Redis server that all modules share; a test that stops or freezes it calls `restore` in the end."""
    yield from started(RedisServer)


@pytest.fixture(scope="session")
def elasticsearch() -> Iterator[ElasticsearchServer]:
    """An Elasticsearch server that all modules share; it takes ten seconds to start."""
    yield from started(ElasticsearchServer)


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQServer]:
    """A RabbitMQ server that all modules share; a test that stops or freezes it calls `restore` in the end."""
    yield from started(RabbitMQServer)


@pytest.fixture(scope="module")
def virtual_host(rabbitmq: RabbitMQServer, request: pytest.FixtureRequest) -> str:
    """A virtual host of the module's own, with the operator's exchanges and queues in it."""
    name: str = request.module.__name__
    rabbitmq.create_virtual_host(name)
    return name


def environment(
    server: PostgresServer, database: str, secrets: Path, user: str = "product"
) -> dict[str, str]:
    """What a service needs to use that database, logged in as `user`."""
    return {
        "DATABASE_HOST": server.host,
        "DATABASE_PORT": str(server.port),
        "DATABASE_NAME": database,
        "DATABASE_USER": user,
        "DATABASE_PASSWORD_FILE": str(secrets / "password"),
    }


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that waits longer than the service may take."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session
