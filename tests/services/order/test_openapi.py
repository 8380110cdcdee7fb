"""The order service keeps what its OpenAPI document says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.services import schemathesis_checks
from tests.services.identities import ADMIN, gateway_environment
from tests.services.order.order_process import OrderProcess
from tests.services.rabbitmq_server import RabbitMQServer
from tests.services.redis_server import RedisServer
from tests.services.service_process import eventually
from tests.services.standin_process import StandInProcess

pytestmark = pytest.mark.services


@pytest.fixture
def carrier() -> Iterator[StandInProcess]:
    """The stand-in for the shipping API."""
    standin = StandInProcess("shipping")
    yield standin
    standin.stop()


@pytest.fixture
def service(
    database: dict[str, str],
    redis: RedisServer,
    rabbitmq: RabbitMQServer,
    virtual_host: str,
    carrier: StandInProcess,
    secrets: Path,
) -> Iterator[OrderProcess]:
    """The service with all its stores."""
    process = OrderProcess(
        {
            **database,
            **redis.environment("order", secrets / "password"),
            **rabbitmq.environment(virtual_host, "order", secrets),
            **gateway_environment(secrets),
            "SHIPPING_URL": carrier.url,
            "SHIPPING_KEY_FILE": str(secrets / "password"),
        }
    )
    yield process
    assert process.stop() == 0
    assert not [line for line in process.log if line["level"] in ("error", "critical")]
    assert not process.other_output


async def test_the_service_is_as_it_says(service: OrderProcess) -> None:
    async with httpx2.AsyncClient(trust_env=False) as http:

        async def is_ready() -> bool:
            return (await http.get(service.ops + "/readyz")).status_code == 200

        await eventually(is_ready)
    await schemathesis_checks.check(service.api, headers=ADMIN)
