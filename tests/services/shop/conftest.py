"""One running shop for all tests of this folder."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from tests.services.postgres_server import PostgresServer
from tests.services.rabbitmq_server import RabbitMQServer
from tests.services.redis_server import RedisServer
from tests.services.shop.running_shop import SERVICES, RunningShop, Visit
from tests.services.trace_collector import TraceCollector

SETTINGS: Mapping[str, Mapping[str, str]] = {
    # Whoever does not answer their bank is given up while a test waits, and what was missed is told again soon.
    "order": {
        "ORDER_PAYMENT_LIMIT": "PT20S",
        "ORDER_EXPIRE_AFTER": "PT60S",
        "ORDER_TELL_AGAIN_AFTER": "PT5S",
        "ORDER_SWEEP_EVERY": "PT1S",
    },
}


@pytest.fixture(scope="session")
def traces() -> Iterator[TraceCollector]:
    """Where the shop's services send their traces."""
    collector = TraceCollector()
    yield collector
    collector.stop()


@pytest.fixture(scope="session")
def shop(
    postgres: PostgresServer,
    rabbitmq: RabbitMQServer,
    redis: RedisServer,
    secrets: Path,
    traces: TraceCollector,
) -> Iterator[RunningShop]:
    """The shop; SHOP_LOGS names a folder for what its services logged."""
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": traces.url, "OTEL_BSP_SCHEDULE_DELAY": "500"}
    settings = {service: {**traced, **SETTINGS.get(service, {})} for service in SERVICES}
    shop = RunningShop(postgres, rabbitmq, redis, secrets, "shop", settings)
    yield shop
    shop.stop()
    if folder := os.environ.get("SHOP_LOGS"):
        for service, process in shop.services.items():
            lines = [*map(str, process.log), *process.other_output]
            (Path(folder) / f"{service}.log").write_text("\n".join(lines), encoding="utf-8")


@pytest_asyncio.fixture
async def visit(shop: RunningShop, request: pytest.FixtureRequest) -> AsyncIterator[Visit]:
    """The shop with all faults off, for people and products of the test's own."""
    for standin in shop.standins.values():
        standin.faults()
    # SKUs and the local parts of addresses are short.
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))[:24].strip("-")
    async with shop.client() as http:
        yield Visit(shop, http, name)
