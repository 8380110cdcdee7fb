"""What only administrators may do: categories, the inventory, and that nobody else may."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from storefront_dev.folders import REPOSITORY

from tests.services.identities import CUSTOMER
from tests.services.product.orders import Item, placed
from tests.services.product.store import Store, reserve
from tests.services.product.test_catalogue_api import created, problem

pytestmark = pytest.mark.services

DOCUMENT = json.loads((REPOSITORY / "services/contracts/openapi/product.json").read_text())
FOR_ALL = {
    ("get", "/api/products"),
    ("get", "/api/products/{product_id}"),
    ("get", "/api/products/{product_id}/picture"),
    ("get", "/api/categories"),
    ("get", "/api/search"),
}
GUARDED = sorted(
    (method, path)
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
    if (method, path) not in FOR_ALL
)


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_only_administrators_may(anybody: aiohttp.ClientSession, method: str, path: str) -> None:
    url = path.format(product_id=uuid4(), sku="T-1", slug="lamps")

    for headers, status in (({}, 401), (CUSTOMER, 403)):
        async with anybody.request(method, url, headers=headers, json={}) as response:
            await problem(response, status)


async def category(api: aiohttp.ClientSession, name: str = "Lamps") -> str:
    """The slug of a category that was just made."""
    slug = f"c{uuid4().hex}"
    async with api.post("/api/categories", json={"slug": slug, "name": name}) as response:
        assert response.status == 201, await response.text()
        assert await response.json() == {"slug": slug, "name": name, "count": 0}
    return slug


async def listed(api: aiohttp.ClientSession, slug: str, **query: str) -> list[dict[str, Any]]:
    """That category as it is listed, if it is."""
    async with api.get("/api/categories", params=query) as response:
        assert response.status == 200
        return [item for item in (await response.json())["items"] if item["slug"] == slug]


async def test_an_empty_category_is_listed_for_administrators_who_ask(
    api: aiohttp.ClientSession, anybody: aiohttp.ClientSession
) -> None:
    slug = await category(api)

    assert await listed(api, slug) == []
    assert await listed(api, slug, empty="true") == [{"slug": slug, "name": "Lamps", "count": 0}]
    async with anybody.get("/api/categories", params={"empty": "true"}) as response:
        await problem(response, 403)


async def test_a_category_is_made_once(api: aiohttp.ClientSession) -> None:
    slug = await category(api)

    async with api.post("/api/categories", json={"slug": slug, "name": "Others"}) as response:
        document = await problem(response, 409)
    assert document["errors"][0]["field"] == "slug"
    assert (await listed(api, slug, empty="true"))[0]["name"] == "Lamps"


async def test_a_category_is_renamed_under_its_products(api: aiohttp.ClientSession) -> None:
    slug = await category(api)
    product = await created(api, category=slug)

    async with api.patch(f"/api/categories/{slug}", json={"name": "Lampen"}) as response:
        assert await response.json() == {"slug": slug, "name": "Lampen", "count": 1}

    assert await listed(api, slug) == [{"slug": slug, "name": "Lampen", "count": 1}]
    async with api.get(f"/api/products/{product['id']}") as response:
        assert (await response.json())["category"] == slug


async def test_a_category_goes_when_its_products_have_gone(api: aiohttp.ClientSession) -> None:
    slug = await category(api)
    product = await created(api, category=slug)

    async with api.delete(f"/api/categories/{slug}") as response:
        assert "has products" in (await problem(response, 409))["detail"]
    async with api.delete(
        f"/api/products/{product['id']}", headers={"If-Match": f'"{product["version"]}"'}
    ) as response:
        assert response.status == 204
    async with api.delete(f"/api/categories/{slug}") as response:
        assert response.status == 204

    assert await listed(api, slug, empty="true") == []
    async with api.delete(f"/api/categories/{slug}") as response:
        await problem(response, 404)
    async with api.patch(f"/api/categories/{slug}", json={"name": "Gone"}) as response:
        await problem(response, 404)


async def adjust(
    api: aiohttp.ClientSession, sku: str, change: int, status: int = 201, *, key: str | None = "", **more: Any
) -> dict[str, Any]:
    """What is answered when a stock is adjusted; with a key of its own unless one is given."""
    headers = {} if key is None else {"Idempotency-Key": key or uuid4().hex}
    body = {"change": change, "reason": "counted", **more}
    async with api.post(f"/api/inventory/{sku}/adjustments", json=body, headers=headers) as response:
        assert response.status == status, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer


async def stock(api: aiohttp.ClientSession, sku: str) -> tuple[int, int, int]:
    """How many of a SKU are on hand, reserved and available."""
    async with api.get(f"/api/inventory/{sku}") as response:
        assert response.status == 200, await response.text()
        view = await response.json()
        return view["onHand"], view["reserved"], view["available"]


async def read_all(api: aiohttp.ClientSession, path: str, **query: str) -> list[dict[str, Any]]:
    """The items of all pages of a list."""
    found: list[dict[str, Any]] = []
    while True:
        async with api.get(path, params=query) as response:
            assert response.status == 200, await response.text()
            page = await response.json()
        found += page["items"]
        if page["nextCursor"] is None:
            return found
        query["after"] = page["nextCursor"]


async def test_every_adjustment_is_in_the_history(api: aiohttp.ClientSession) -> None:
    product = await created(api, stock=7)
    sku = product["sku"]

    await adjust(api, sku, 5, reason="received", note="two boxes")
    await adjust(api, sku, -2, reason="damaged")
    async with api.patch(f"/api/products/{product['id']}", json={"stock": 4}) as response:
        assert response.status == 200

    assert await stock(api, sku) == (4, 0, 4)
    history = await read_all(api, f"/api/inventory/{sku}/movements", limit="2")
    told = [(m["kind"], m["change"], m["stockAfter"], m["reason"], m["actor"]) for m in history]
    assert told[:3] == [
        ("edited", -6, 4, None, "admin"),
        ("adjusted", -2, 10, "damaged", "admin"),
        ("adjusted", 5, 12, "received", "admin"),
    ]
    assert told[3][:3] == ("created", 7, 7)
    assert len(told) == 4


async def test_what_is_reserved_cannot_be_written_off(api: aiohttp.ClientSession, store: Store) -> None:
    product = await created(api, stock=5)
    item = Item(UUID(product["id"]), product["sku"], 3, product["price"]["amount"])
    await reserve(store, placed(item))

    document = await adjust(api, product["sku"], -3, 409)

    assert "5, 3 of it reserved" in document["detail"]
    assert await stock(api, product["sku"]) == (5, 3, 2)
    await adjust(api, product["sku"], -2)
    assert await stock(api, product["sku"]) == (3, 3, 0)


async def test_an_adjustment_that_is_sent_again_counts_once(api: aiohttp.ClientSession) -> None:
    sku = (await created(api, stock=1))["sku"]
    key = uuid4().hex

    answers = await asyncio.gather(*(adjust(api, sku, 10, key=key) for _ in range(5)))

    assert len({answer["id"] for answer in answers}) == 1
    assert await stock(api, sku) == (11, 0, 11)
    await adjust(api, sku, 11, 422, key=key)
    await adjust(api, sku, 10, 422, key=None)
    assert await stock(api, sku) == (11, 0, 11)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"change": 0}, "change"),
        ({"change": 1.5}, "change"),
        ({"change": 10**12}, "change"),
        ({"reason": "theft"}, "reason"),
        ({"note": "x" * 501}, "note"),
    ],
)
async def test_bad_adjustments_are_refused(
    api: aiohttp.ClientSession, changes: dict[str, Any], field: str
) -> None:
    document = await adjust(api, "T-1", **{"change": 1, "status": 422, **changes})

    assert [error["field"] for error in document["errors"]] == [field]


async def test_scarce_stock_is_found(api: aiohttp.ClientSession) -> None:
    scarce, plenty = [(await created(api, stock=amount))["sku"] for amount in (2, 900)]

    found = await read_all(api, "/api/inventory", availableAtMost="2", limit="1")
    skus = [item["sku"] for item in found]

    assert scarce in skus
    assert plenty not in skus
    assert skus == sorted(skus)
    async with api.get("/api/inventory/T-unknown") as response:
        await problem(response, 404)
