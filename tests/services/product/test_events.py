"""What the service tells and hears, through a real RabbitMQ."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from product_service.sample.catalogue import products

from tests.services.product.bus import Bus
from tests.services.product.orders import Item, cancelled, paid, placed
from tests.services.product.product_process import migrate, run
from tests.services.rabbitmq_server import RabbitMQServer
from tests.services.service_process import eventually

pytestmark = pytest.mark.services


async def created(shop: aiohttp.ClientSession, **changes: Any) -> dict[str, Any]:
    """A product that was just created."""
    draft = {
        "sku": f"E-{uuid4().hex[:12]}", "name": "Event lamp", "category": "lamps",
        "price": {"amount": 1999}, "stock": 5, **changes,
    }  # fmt: skip
    async with shop.post("/api/products", json=draft) as response:
        assert response.status == 201, await response.text()
        product: dict[str, Any] = await response.json()
        return product


def item(product: dict[str, Any], quantity: int = 1) -> Item:
    """So many of the product, at its price."""
    return Item(UUID(product["id"]), product["sku"], quantity, product["price"]["amount"])


async def stock(shop: aiohttp.ClientSession, product: dict[str, Any]) -> tuple[int, int]:
    """(on hand, reserved)."""
    async with shop.get(f"/api/inventory/{product['sku']}") as response:
        shown = await response.json()
        return shown["onHand"], shown["reserved"]


async def test_every_change_of_a_product_is_told(shop: aiohttp.ClientSession, bus: Bus) -> None:
    product = await created(shop, weightGrams=750)
    (event,) = await bus.hears("product.changed", product["id"])
    assert (event["source"], event["aggregateversion"]) == ("product", 1)
    assert event["data"] == {
        "productId": product["id"], "sku": product["sku"], "name": "Event lamp",
        "price": {"amount": 1999, "currency": "EUR"}, "available": 5, "active": True,
        "pictureUrl": product["pictureUrl"], "weightGrams": 750,
    }  # fmt: skip
    path = f"/api/products/{product['id']}"
    async with shop.patch(path, json={"price": {"amount": 2500}}) as response:
        assert response.status == 200
    *_, event = await bus.hears("product.changed", product["id"], 2)
    assert (event["aggregateversion"], event["data"]["price"]["amount"]) == (2, 2500)
    async with shop.delete(path) as response:
        assert response.status == 204
    (event,) = await bus.hears("product.removed", product["id"])
    assert event["aggregateversion"] == 3
    assert event["data"] == {"productId": product["id"], "sku": product["sku"]}


async def test_an_order_from_placed_to_paid(shop: aiohttp.ClientSession, bus: Bus) -> None:
    product = await created(shop)
    order = placed(item(product, 2))
    await bus.tell(order, order.order_id)
    (event,) = await bus.hears("stock.reserved", order.order_id)
    assert event["source"] == "product"
    assert event["data"]["lines"][0]["quantity"] == 2
    assert await stock(shop, product) == (5, 2)
    await bus.tell(paid(order), order.order_id)
    await eventually(lambda: _is(shop, product, (3, 0)))


async def test_an_order_that_is_cancelled(shop: aiohttp.ClientSession, bus: Bus) -> None:
    product = await created(shop)
    order = placed(item(product, 5))
    await bus.tell(order, order.order_id)
    *_, sold_out = await bus.hears("product.changed", product["id"], 2)
    assert sold_out["data"]["available"] == 0
    await bus.tell(cancelled(order), order.order_id)
    *_, back = await bus.hears("product.changed", product["id"], 3)
    assert back["data"]["available"] == 5
    assert back["aggregateversion"] > sold_out["aggregateversion"]
    assert await stock(shop, product) == (5, 0)


async def test_a_message_that_comes_twice_counts_once(shop: aiohttp.ClientSession, bus: Bus) -> None:
    product = await created(shop)
    order, event_id = placed(item(product)), uuid4()
    for _ in range(3):
        await bus.tell(order, order.order_id, event_id=event_id)
    other = placed(item(product, 9))
    await bus.tell(other, other.order_id)
    (event,) = await bus.hears("stock.rejected", other.order_id)
    assert event["data"]["reason"] == "out_of_stock"
    assert len(bus.events("stock.reserved", order.order_id)) == 1
    assert await stock(shop, product) == (5, 1)


async def test_what_was_ordered_is_archived_instead_of_removed(shop: aiohttp.ClientSession, bus: Bus) -> None:
    product = await created(shop)
    order = placed(item(product))
    await bus.tell(order, order.order_id)
    await bus.hears("stock.reserved", order.order_id)
    path = f"/api/products/{product['id']}"
    async with shop.delete(path) as response:
        assert response.status == 204
    async with shop.get(path) as response:
        assert (await response.json())["active"] is False
    *_, event = await bus.hears("product.changed", product["id"], 3)
    assert event["data"]["active"] is False
    async with shop.get("/api/products", params={"q": product["sku"]}) as response:
        assert (await response.json())["items"] == []
    async with shop.patch(path, json={"active": True}) as response:
        assert (await response.json())["active"] is True
    async with shop.get("/api/products", params={"q": product["sku"]}) as response:
        assert len((await response.json())["items"]) == 1


async def test_an_edit_does_not_conflict_with_orders(shop: aiohttp.ClientSession, bus: Bus) -> None:
    product = await created(shop)
    path = f"/api/products/{product['id']}"
    order = placed(item(product, 3))
    await bus.tell(order, order.order_id)
    await bus.hears("stock.reserved", order.order_id)
    async with shop.get(path) as response:
        shown, tag = await response.json(), response.headers["ETag"]
    assert (shown["stock"], shown["version"], tag) == (2, 1, '"1.1"')
    for match, status in ((tag, 200), (tag, 412), ('"1"', 412), ('"2"', 200)):
        body = {"description": match}
        async with shop.patch(path, json=body, headers={"If-Match": match}) as response:
            assert response.status == status
    async with shop.get(path, headers={"If-None-Match": tag}) as response:
        assert response.status == 200
    # What people set is what can be ordered.
    async with shop.patch(path, json={"stock": 7}) as response:
        assert (await response.json())["stock"] == 7
    assert await stock(shop, product) == (10, 3)


async def test_republish_tells_everything_again(
    shop: aiohttp.ClientSession, bus: Bus, whole_environment: dict[str, str]
) -> None:
    kept, removed = await created(shop), await created(shop)
    async with shop.delete(f"/api/products/{removed['id']}") as response:
        assert response.status == 204
    await bus.hears("product.removed", removed["id"])
    await bus.hears("product.changed", kept["id"])
    done = run(whole_environment, "republish")
    assert done.returncode == 0, done.stderr
    assert "are told again" in done.stdout
    first, second = await bus.hears("product.changed", kept["id"], 2)
    assert first["data"] == second["data"]
    assert first["aggregateversion"] == second["aggregateversion"]
    first, second = await bus.hears("product.removed", removed["id"], 2)
    assert first["aggregateversion"] == second["aggregateversion"] == 2


async def test_the_sample_catalogue_is_told(
    shop: aiohttp.ClientSession, bus: Bus, whole_environment: dict[str, str]
) -> None:
    migrate(whole_environment, sample_catalogue=True)
    wanted = {product.sku for product in products()}

    async def all_told() -> bool:
        return wanted <= {event["data"]["sku"] for event in bus.events("product.changed")}

    await eventually(all_told)
    # One that was removed comes back with the id that it had: newer than its removal.
    async with shop.get("/api/products", params={"q": "CT-1001"}) as response:
        (mug,) = (await response.json())["items"]
    async with shop.delete(f"/api/products/{mug['id']}") as response:
        assert response.status == 204
    (gone,) = await bus.hears("product.removed", mug["id"])
    migrate(whole_environment, sample_catalogue=True)
    *_, back = await bus.hears("product.changed", mug["id"], 2)
    assert back["aggregateversion"] > gone["aggregateversion"]


async def test_what_happens_while_rabbitmq_is_away_is_told_afterwards(
    shop: aiohttp.ClientSession, whole_environment: dict[str, str], rabbitmq: RabbitMQServer
) -> None:
    rabbitmq.stop()
    try:
        product = await created(shop)
    finally:
        rabbitmq.restore()
    async with Bus(whole_environment) as bus:
        # Whether this connection was open in time for the first event is nobody's promise: change it once more.
        async with shop.patch(f"/api/products/{product['id']}", json={"name": "Back"}) as response:
            assert response.status == 200

        async def told() -> bool:
            return any(
                event["data"]["name"] == "Back" for event in bus.events("product.changed", product["id"])
            )

        await eventually(told, within=40)
        order = placed(item(product))
        await bus.tell(order, order.order_id)
        await bus.hears("stock.reserved", order.order_id)


async def _is(shop: aiohttp.ClientSession, product: dict[str, Any], amounts: tuple[int, int]) -> bool:
    return await stock(shop, product) == amounts
