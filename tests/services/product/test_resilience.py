"""The database goes away and comes back under requests; the service never restarts, hangs or crashes."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest

from tests.services.identities import ADMIN
from tests.services.postgres_server import PASSWORD, PostgresServer
from tests.services.product.conftest import product_environment
from tests.services.product.product_process import ProductProcess, migrate
from tests.services.service_process import eventually

pytestmark = pytest.mark.services

BOUND = 10.0
"""Seconds within which every request is answered: the service's own limit of 3 and room for a busy machine."""


@pytest.fixture(scope="module")
def shop(fragile_server: PostgresServer, secrets: Path) -> Iterator[ProductProcess]:
    """The service with the sample catalogue: one process that survives everything in this module."""
    fragile_server.create_database("shop")
    settings = product_environment(fragile_server, "shop", secrets)
    migrate(settings, sample_catalogue=True)
    process = ProductProcess(settings)
    yield process
    assert process.stop() == 0
    assert not process.other_output
    assert not [line for line in process.log if line["level"] in ("error", "critical")]


class Load:
    """Clients that keep asking, and what they were answered."""

    def __init__(self, http: aiohttp.ClientSession, shop: ProductProcess) -> None:
        self._http = http
        self._shop = shop
        self._stopped = asyncio.Event()
        self.statuses: Counter[int] = Counter()
        self.slowest = 0.0
        self.wrong: list[str] = []

    async def __aenter__(self) -> Load:
        self._clients = [
            asyncio.create_task(self._ask(path)) for path in ("/api/products", "/api/categories") * 4
        ]
        await eventually(self.answered(200))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopped.set()
        await asyncio.gather(*self._clients)

    def answered(self, status: int, times: int = 10) -> Any:
        """A condition: so many more answers of that status."""
        before = self.statuses[status]

        async def condition() -> bool:
            return self.statuses[status] >= before + times

        return condition

    async def _ask(self, path: str) -> None:
        while not self._stopped.is_set():
            started = time.monotonic()
            async with self._http.get(self._shop.api + path) as response:
                body = await response.text()
            self.slowest = max(self.slowest, time.monotonic() - started)
            self.statuses[response.status] += 1
            unavailable = response.status == 503 and response.content_type == "application/problem+json"
            if unavailable and ("Retry-After" not in response.headers or "Traceback" in body):
                self.wrong.append(body)
            if response.status != 200 and not unavailable:
                self.wrong.append(f"{response.status} {body}")


async def ready(http: aiohttp.ClientSession, shop: ProductProcess) -> bool:
    """Whether the readiness probe passes."""
    async with http.get(shop.ops + "/readyz") as response:
        return response.status == 200


async def test_a_stopped_database_is_reported_and_used_again(
    fragile_postgres: PostgresServer, shop: ProductProcess, http: aiohttp.ClientSession
) -> None:
    async with Load(http, shop) as load:
        for _ in range(2):
            fragile_postgres.stop()
            await eventually(load.answered(503))
            assert not await ready(http, shop)
            async with http.get(shop.ops + "/livez") as response:
                assert response.status == 200
            fragile_postgres.start()
            await eventually(load.answered(200, 40))
            assert await ready(http, shop)
    assert not load.wrong
    assert load.slowest < BOUND


async def test_a_database_that_falls_silent_does_not_hang_requests(
    fragile_postgres: PostgresServer, shop: ProductProcess, http: aiohttp.ClientSession
) -> None:
    async with Load(http, shop) as load:
        fragile_postgres.freeze()
        frozen = time.monotonic()
        await eventually(load.answered(503, 16))
        assert time.monotonic() - frozen < 3 * BOUND
        assert not await ready(http, shop)
        fragile_postgres.thaw()
        thawed = time.monotonic()
        await eventually(load.answered(200, 40))
        assert time.monotonic() - thawed < BOUND
    assert not load.wrong
    assert load.slowest < BOUND


async def test_broken_connections_are_replaced_without_a_failed_request(
    fragile_postgres: PostgresServer, shop: ProductProcess, http: aiohttp.ClientSession
) -> None:
    async with Load(http, shop) as load:
        for _ in range(5):
            with fragile_postgres.admin() as connection:
                broken = connection.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'product'"
                ).fetchone()
            assert broken != (0,)
            await eventually(load.answered(200, 40))
    assert set(load.statuses) == {200}
    # A write is not repeated, so its connection is tried first.
    with fragile_postgres.admin() as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'product'")
    body = {"sku": "after", "name": "After the break", "category": "test", "price": {"amount": 1}}
    async with http.post(shop.api + "/api/products", json=body, headers=ADMIN) as response:
        assert response.status == 201


async def test_a_replica_is_left_when_it_refuses_to_write(
    fragile_postgres: PostgresServer, shop: ProductProcess, http: aiohttp.ClientSession
) -> None:
    body = {"sku": "rw", "name": "Written", "category": "test", "price": {"amount": 1}}
    with fragile_postgres.admin("shop") as connection:
        connection.execute("ALTER DATABASE shop SET default_transaction_read_only = on")
    _disconnect(fragile_postgres)
    async with http.post(shop.api + "/api/products", json=body, headers=ADMIN) as response:
        assert response.status == 503
        assert response.headers["Retry-After"]
    with fragile_postgres.admin("shop") as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("ALTER DATABASE shop SET default_transaction_read_only = off")
    # The connection to the read-only server was cut, so the next write finds the other one.
    async with http.post(shop.api + "/api/products", json=body, headers=ADMIN) as response:
        assert response.status == 201


async def test_a_changed_password_needs_no_restart(
    fragile_postgres: PostgresServer, shop: ProductProcess, http: aiohttp.ClientSession, secrets: Path
) -> None:
    fragile_postgres.set_password("product", "another one")
    _disconnect(fragile_postgres)
    try:
        async with http.get(shop.api + "/api/products") as response:
            assert response.status == 503
        (secrets / "password").write_text("another one", encoding="utf-8")
        async with http.get(shop.api + "/api/products") as response:
            assert response.status == 200
    finally:
        (secrets / "password").write_text(PASSWORD, encoding="utf-8")
        fragile_postgres.set_password("product", PASSWORD)


async def test_the_service_starts_before_its_database(
    fragile_postgres: PostgresServer, secrets: Path, http: aiohttp.ClientSession
) -> None:
    fragile_postgres.create_database("later")
    settings = product_environment(fragile_postgres, "later", secrets)
    migrate(settings)
    fragile_postgres.stop()
    shop = ProductProcess(settings)
    try:
        async with http.get(shop.ops + "/startupz") as response:
            assert response.status == 200
        assert not await ready(http, shop)
        body = {"sku": "x", "name": "X", "category": "x", "price": {"amount": 1}}
        async with http.post(shop.api + "/api/products", json=body, headers=ADMIN) as response:
            assert response.status == 503
        fragile_postgres.start()
        await eventually(lambda: ready(http, shop))
        async with http.post(shop.api + "/api/products", json=body, headers=ADMIN) as response:
            assert response.status == 201
    finally:
        assert shop.stop() == 0


async def test_sigterm_drains_before_it_stops(
    fragile_postgres: PostgresServer, secrets: Path, http: aiohttp.ClientSession
) -> None:
    fragile_postgres.create_database("drained")
    settings = product_environment(fragile_postgres, "drained", secrets)
    migrate(settings, sample_catalogue=True)
    shop = ProductProcess({**settings, "DRAIN_SECONDS": "1"})
    await eventually(lambda: ready(http, shop))
    with fragile_postgres.admin("drained") as connection:
        # A request that is still waiting for its answer when the server closes.
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE products")
        slow = asyncio.create_task(_status(http, shop.api + "/api/categories"))
        await eventually(lambda: _waiting(fragile_postgres))
        shop.process.send_signal(signal.SIGTERM)
        # Unready at once, but still serving: load balancers learn of it late.
        await eventually(lambda: _not(ready(http, shop)), within=1)
        connection.execute("COMMIT")
        assert await _status(http, shop.api + "/api/products") == 200
    assert await slow == 200
    assert shop.wait() == 0
    assert [line["message"] for line in shop.log[-1:]] == ["stopped"]


async def _status(http: aiohttp.ClientSession, url: str) -> int:
    async with http.get(url) as response:
        return response.status


async def _not(condition: Any) -> bool:
    return not await condition


async def _waiting(postgres: PostgresServer) -> bool:
    with postgres.admin() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'product' AND wait_event_type = 'Lock'"
        ).fetchone()
    return row != (0,)


def _disconnect(postgres: PostgresServer) -> None:
    try:
        with postgres.admin() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'product'"
            )
    except psycopg.OperationalError as error:
        raise AssertionError("the test's own connection broke") from error
