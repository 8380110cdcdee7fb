"""The payment service on a database, a virtual host and a payment sandbox of the module's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import aio_pika
import aiohttp
import httpx2
import psycopg
import pytest
import pytest_asyncio

from tests.services import rabbitmq_server
from tests.services.conftest import environment
from tests.services.payment.payment_process import PaymentProcess, free_port, migrate
from tests.services.payment.shop import CREDENTIAL, Shop, listen
from tests.services.postgres_server import PostgresServer
from tests.services.rabbitmq_server import RabbitMQServer
from tests.services.service_process import eventually
from tests.services.standin_process import StandInProcess

WEBHOOK_SECRET = "whsec_of_the_tests"
KEY = "sk_test_of_the_tests"


@pytest.fixture(scope="module")
def payment_secrets(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every secret of the service."""
    folder = tmp_path_factory.mktemp("payment-secrets")
    for name, value in (
        ("password", (secrets / "password").read_text(encoding="utf-8")),
        ("credential", CREDENTIAL),
        ("key", KEY),
        ("webhook-secret", WEBHOOK_SECRET),
    ):
        (folder / name).write_text(value, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def api_port() -> int:
    """Where the service will be."""
    return free_port()


@pytest.fixture(scope="module")
def sandbox_process(payment_secrets: Path, api_port: int) -> Iterator[StandInProcess]:
    """The payment gateway, which sends its webhooks to the service."""
    process = StandInProcess(
        "payments",
        f"--webhook-url=http://127.0.0.1:{api_port}/api/payments/webhooks",
        f"--webhook-secret-file={payment_secrets / 'webhook-secret'}",
        f"--key-file={payment_secrets / 'key'}",
    )
    yield process
    process.stop()


@pytest.fixture
def sandbox(sandbox_process: StandInProcess) -> Iterator[StandInProcess]:
    """The payment gateway without faults, before and after."""
    sandbox_process.faults()
    yield sandbox_process
    sandbox_process.faults()


@pytest.fixture(scope="module")
def settings(
    postgres: PostgresServer,
    rabbitmq: RabbitMQServer,
    virtual_host: str,
    payment_secrets: Path,
    sandbox_process: StandInProcess,
    api_port: int,
    request: pytest.FixtureRequest,
) -> dict[str, str]:
    """The environment of the service on a migrated, empty database."""
    name = "payment_" + request.module.__name__.rpartition(".")[2]
    postgres.create_database(name, "payment")
    found = {
        **environment(postgres, name, payment_secrets, user="payment"),
        **rabbitmq.environment(virtual_host, "payment", payment_secrets),
        "API_PORT": str(api_port),
        "GATEWAY_CREDENTIAL_FILE": str(payment_secrets / "credential"),
        "PAYMENT_GATEWAY_URL": sandbox_process.url,
        "PAYMENT_GATEWAY_KEY_FILE": str(payment_secrets / "key"),
        "PAYMENT_GATEWAY_WEBHOOK_SECRET_FILE": str(payment_secrets / "webhook-secret"),
        "PAYMENT_GATEWAY_READ_TIMEOUT": "1",
        "PAYMENT_GATEWAY_TOTAL_TIMEOUT": "4",
        "SHOP_URL": "https://shop.example.com",
    }
    migrate(found)
    return found


@pytest.fixture(scope="module")
def service(settings: dict[str, str]) -> Iterator[PaymentProcess]:
    """The service."""
    process = PaymentProcess(settings)
    yield process
    assert process.stop() == 0
    assert not process.other_output


@pytest.fixture
def books(
    postgres: PostgresServer, settings: dict[str, str]
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection to the service's database, as the service itself has it."""
    with psycopg.connect(
        host=settings["DATABASE_HOST"],
        port=settings["DATABASE_PORT"],
        user="payment",
        password=Path(settings["DATABASE_PASSWORD_FILE"]).read_text(encoding="utf-8").strip(),
        dbname=settings["DATABASE_NAME"],
        autocommit=True,
    ) as connection:
        yield connection


@pytest_asyncio.fixture
async def shop(
    service: PaymentProcess,
    sandbox: StandInProcess,
    rabbitmq: RabbitMQServer,
    virtual_host: str,
    books: psycopg.Connection[tuple[object, ...]],
) -> AsyncIterator[Shop]:
    """The shop with the service ready."""
    url = (
        f"amqp://{rabbitmq_server.ADMIN}:{quote(rabbitmq_server.PASSWORD)}"
        f"@{rabbitmq.host}:{rabbitmq.port}/{quote(virtual_host, safe='')}"
    )
    connection = await aio_pika.connect(url, timeout=10)
    async with (
        connection,
        aiohttp.ClientSession(service.api, timeout=aiohttp.ClientTimeout(total=20)) as session,
    ):
        channel = await connection.channel(publisher_confirms=True)
        exchange = await channel.get_exchange("events", ensure=False)
        shop = Shop(session, sandbox, exchange, books)
        await listen(channel, shop.told)

        async def is_ready() -> bool:
            return httpx2.get(service.ops + "/readyz", trust_env=False).status_code == 200

        await eventually(is_ready)
        yield shop
