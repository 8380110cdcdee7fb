"""Redis, Elasticsearch and RabbitMQ go away, stall and come back: requests are answered all the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import aiohttp
import pytest
import pytest_asyncio
from product_service.cache import CachedAnswer, ProductCache
from storefront_common.cache import RedisConnection
from storefront_common.settings import RedisSettings

from tests.services.identities import ADMIN
from tests.services.product.bus import Bus
from tests.services.product.conftest import client_of
from tests.services.product.orders import Item, placed
from tests.services.product.product_process import ProductProcess
from tests.services.redis_server import RedisServer
from tests.services.service_process import eventually
from tests.services.tcp_proxy import TcpProxy

pytestmark = pytest.mark.services


class Stores:
    """The networks to Redis and Elasticsearch, and the service behind them."""

    def __init__(self, redis: TcpProxy, elasticsearch: TcpProxy, process: ProductProcess) -> None:
        self.redis, self.elasticsearch, self.process = redis, elasticsearch, process


@pytest_asyncio.fixture
async def stores(whole_environment: dict[str, str], redis: RedisServer) -> AsyncIterator[Stores]:
    """A service whose networks can be cut."""
    address = urlsplit(whole_environment["ELASTICSEARCH_URL"])
    assert address.port is not None
    async with (
        TcpProxy(redis.host, redis.port) as to_redis,
        TcpProxy("127.0.0.1", address.port) as to_elasticsearch,
    ):
        own = {
            "REDIS_PORT": str(to_redis.port),
            "ELASTICSEARCH_URL": f"http://127.0.0.1:{to_elasticsearch.port}",
        }
        process = await asyncio.to_thread(ProductProcess, {**whole_environment, **own})
        yield Stores(to_redis, to_elasticsearch, process)
        await to_redis.mend()
        await to_elasticsearch.mend()
        assert await asyncio.to_thread(process.stop) == 0
        assert not [line for line in process.log if line["level"] in ("error", "critical")]


@pytest_asyncio.fixture
async def client(stores: Stores) -> AsyncIterator[aiohttp.ClientSession]:
    """An administrator's client of that service."""
    async for session in client_of(stores.process, ADMIN):
        yield session


async def create(client: aiohttp.ClientSession, **changes: Any) -> dict[str, Any]:
    """A product that was just created."""
    draft = {
        "sku": f"A-{uuid4().hex[:12]}", "name": "Lamp", "category": "away", "price": {"amount": 100},
        "stock": 5, **changes,
    }  # fmt: skip
    async with client.post("/api/products", json=draft) as response:
        assert response.status == 201, await response.text()
        product: dict[str, Any] = await response.json()
        return product


async def read(client: aiohttp.ClientSession, product: dict[str, Any]) -> dict[str, Any]:
    """The product as it is shown."""
    async with client.get(f"/api/products/{product['id']}") as response:
        assert response.status == 200, await response.text()
        shown: dict[str, Any] = await response.json()
        return shown


async def lookups(stores: Stores, outcome: str) -> float:
    """How often a look into the cache ended so."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(stores.process.ops + "/metrics") as response,
    ):
        prefix = f'cache_lookups_total{{kind="product",outcome="{outcome}"}} '
        lines = [line for line in (await response.text()).splitlines() if line.startswith(prefix)]
        return float(lines[0].removeprefix(prefix)) if lines else 0.0


@pytest.mark.parametrize("how", ["cut", "stalled"])
async def test_without_redis_products_are_shown_and_with_it_again_from_the_cache(
    stores: Stores, client: aiohttp.ClientSession, how: str
) -> None:
    product = await create(client)
    if how == "cut":
        await stores.redis.cut()
    else:
        stores.redis.stall()
    slowest = 0.0
    for number in range(30):
        started = time.monotonic()
        assert (await read(client, product))["name"] == "Lamp"
        slowest = max(slowest, time.monotonic() - started)
        if number == 10:
            async with client.patch(f"/api/products/{product['id']}", json={"stock": 4}) as response:
                assert response.status == 200
    assert slowest < 10
    assert await lookups(stores, "unavailable") >= 20
    await stores.redis.mend()
    hits = await lookups(stores, "hit")

    async def hit() -> bool:
        await read(client, product)
        return await lookups(stores, "hit") > hits

    await eventually(hit)
    assert (await read(client, product))["stock"] == 4


async def test_a_change_is_seen_at_once(stores: Stores, client: aiohttp.ClientSession, bus: Bus) -> None:
    product = await create(client)
    for name in ("One", "Two", "Three"):
        async with client.patch(f"/api/products/{product['id']}", json={"name": name}) as response:
            assert response.status == 200
        assert (await read(client, product))["name"] == name


async def test_what_an_order_takes_is_seen_soon(
    stores: Stores, client: aiohttp.ClientSession, bus: Bus
) -> None:
    small = await create(client, variantGroup=f"v-{uuid4().hex[:8]}", options={"size": "S"})
    group = small["variantGroup"]
    medium = await create(client, variantGroup=group, options={"size": "M"})
    await eventually(lambda: _hits(stores, client, small))
    (variant,) = (await read(client, small))["variants"]
    assert (variant["options"], variant["stock"]) == ({"size": "M"}, 5)
    order = placed(Item(UUID(medium["id"]), medium["sku"], 2, 100))
    await bus.tell(order, order.order_id)
    await bus.hears("stock.reserved", order.order_id)

    async def seen() -> bool:
        (shown,) = (await read(client, small))["variants"]
        return bool(shown["stock"] == 3 and (await read(client, medium))["stock"] == 3)

    await eventually(seen)


async def _hits(stores: Stores, client: aiohttp.ClientSession, product: dict[str, Any]) -> bool:
    """Whether the product comes from the cache now: the mark of its last change is gone."""
    hits = await lookups(stores, "hit")
    await read(client, product)
    return await lookups(stores, "hit") > hits


async def test_a_slow_reader_does_not_bring_back_the_old_product(
    whole_environment: dict[str, str],
) -> None:
    settings = RedisSettings.model_validate(
        {
            name.removeprefix("REDIS_").lower(): value
            for name, value in whole_environment.items()
            if name.startswith("REDIS_")
        }
    )
    connection = RedisConnection(settings)
    cache, product_id = ProductCache(connection), uuid4()
    old, new = CachedAnswer('"1"', b"{}"), CachedAnswer('"2"', b'{"new": true}')
    try:
        await cache.keep_product(product_id, old)
        assert await cache.product(product_id) == old
        await cache.forget([product_id])
        # Somebody had read the old one before it changed.
        await cache.keep_product(product_id, old)
        assert await cache.product(product_id) is None
        ttl = await connection.run(lambda redis: redis.pttl(f"product:{product_id}"))
        assert 5_000 < ttl <= 10_000
        await connection.run(lambda redis: redis.delete(f"product:{product_id}"))
        await cache.keep_product(product_id, new)
        assert await cache.product(product_id) == new
    finally:
        await connection.close()


@pytest.mark.parametrize("how", ["cut", "stalled"])
async def test_without_elasticsearch_the_database_searches(
    stores: Stores, client: aiohttp.ClientSession, how: str
) -> None:
    word = f"zq{uuid4().hex[:10]}"
    await create(client, name=f"Lamp {word}")
    await eventually(lambda: _found(client, word, degraded=False))
    if how == "cut":
        await stores.elasticsearch.cut()
    else:
        stores.elasticsearch.stall()
    other = await create(client, name=f"Cheap {word}", price={"amount": 1}, stock=0)
    slowest = 0.0
    for query in ({}, {"sort": "price_asc"}, {"inStock": "true"}, {"priceMax": "50"}) * 3:
        started = time.monotonic()
        async with client.get("/api/search", params={"q": word, **query}) as response:
            assert response.status == 200, await response.text()
            page = await response.json()
        slowest = max(slowest, time.monotonic() - started)
        assert page["degraded"]
        assert (page["total"], page["facets"]) == (None, None)
        wanted = 1 if "inStock" in query or "priceMax" in query else 2
        assert len(page["items"]) == wanted
    assert page["items"][0]["id"] == other["id"]
    assert slowest < 10
    # Pages that began in the database go on there.
    async with client.get("/api/search", params={"q": word, "limit": 1}) as response:
        cursor = (await response.json())["nextCursor"]
    await stores.elasticsearch.mend()
    async with client.get("/api/search", params={"q": word, "limit": 1, "after": cursor}) as response:
        page = await response.json()
    assert page["degraded"]
    assert len(page["items"]) == 1
    # What was changed meanwhile arrives.
    await eventually(lambda: _found(client, f"cheap {word}", degraded=False), within=30)
    async with client.get("/api/search", params={"q": word, "limit": 1}) as response:
        cursor = (await response.json())["nextCursor"]
    await stores.elasticsearch.cut()
    async with client.get("/api/search", params={"q": word, "limit": 1, "after": cursor}) as response:
        assert response.status == 503
        assert response.headers["Retry-After"]


async def test_it_starts_without_any_of_them(database: dict[str, str]) -> None:
    process = await asyncio.to_thread(ProductProcess, database)
    try:
        async for session in client_of(process, ADMIN):
            product = await create(session)
            assert (await read(session, product))["id"] == product["id"]
            assert await _found(session, product["sku"], degraded=True)
    finally:
        assert await asyncio.to_thread(process.stop) == 0


async def _found(client: aiohttp.ClientSession, words: str, *, degraded: bool) -> bool:
    async with client.get("/api/search", params={"q": words}) as response:
        assert response.status == 200, await response.text()
        page = await response.json()
    return len(page["items"]) == 1 and page["degraded"] == degraded
