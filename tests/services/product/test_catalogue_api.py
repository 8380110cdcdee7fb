"""The catalogue's API on a real database."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

pytestmark = pytest.mark.services


def draft(**changes: Any) -> dict[str, Any]:
    """A valid product, with a SKU of its own."""
    return {
        "sku": f"T-{uuid4().hex[:12]}",
        "name": "Test lamp",
        "description": "For tests.",
        "category": "test-lamps",
        "price": {"amount": 1999, "currency": "EUR"},
        "stock": 7,
        **changes,
    }


async def created(api: aiohttp.ClientSession, **changes: Any) -> dict[str, Any]:
    """A product that was just created."""
    async with api.post("/api/products", json=draft(**changes)) as response:
        assert response.status == 201, await response.text()
        product: dict[str, Any] = await response.json()
        return product


async def items(api: aiohttp.ClientSession, **query: Any) -> list[dict[str, Any]]:
    """The first page for a query."""
    async with api.get("/api/products", params=query) as response:
        assert response.status == 200, await response.text()
        found: list[dict[str, Any]] = (await response.json())["items"]
        return found


async def problem(response: aiohttp.ClientResponse, status: int) -> dict[str, Any]:
    """The problem document of an error."""
    assert response.status == status, await response.text()
    assert response.content_type == "application/problem+json"
    document: dict[str, Any] = await response.json()
    assert document["status"] == status
    assert document["title"]
    return document


async def test_a_created_product_is_shown_as_it_was_given(api: aiohttp.ClientSession) -> None:
    given = draft(name="Lampe über dem Tisch ✨")
    async with api.post("/api/products", json=given) as response:
        assert response.status == 201
        location = response.headers["Location"]
    async with api.get(location) as response:
        assert response.status == 200
        assert response.headers["ETag"] == '"1"'
        shown = await response.json()
    assert {key: shown[key] for key in given} == given
    assert shown["version"] == 1
    assert shown["createdAt"].endswith("Z")
    own = {"id", "pictureUrl", "version", "createdAt", "updatedAt", "weightGrams", "active", "variantGroup"}
    assert set(shown) == {*given, *own, "options", "variants"}


async def test_what_is_left_out_has_defaults(api: aiohttp.ClientSession) -> None:
    sku = f"T-{uuid4().hex}"
    given = {"sku": sku, "name": "Bare", "category": "bare", "price": {"amount": 0}}
    async with api.post("/api/products", json=given) as response:
        product = await response.json()
    assert (product["description"], product["stock"], product["price"]) == (
        "",
        0,
        {"amount": 0, "currency": "EUR"},
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"price": {"amount": -1}}, "price.amount"),
        ({"price": {"amount": "10"}}, "price.amount"),
        ({"price": {"amount": 1, "currency": "USD"}}, "price.currency"),
        ({"stock": True}, "stock"),
        ({"stock": 10**30}, "stock"),
        ({"name": "  "}, "name"),
        ({"name": "nul\x00"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"description": "x" * 5001}, "description"),
        ({"category": "Not A Slug"}, "category"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_bad_fields_are_named(api: aiohttp.ClientSession, changes: dict[str, Any], field: str) -> None:
    async with api.post("/api/products", json=draft(**changes)) as response:
        document = await problem(response, 422)
    assert [error["field"] for error in document["errors"]] == [field]
    assert document["errors"][0]["message"]
    assert field in document["detail"]


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"price": NaN}', '"text"'])
async def test_bodies_that_are_no_product_are_refused(api: aiohttp.ClientSession, body: str) -> None:
    async with api.post("/api/products", data=body, headers={"Content-Type": "application/json"}) as response:
        await problem(response, 422)


async def test_a_taken_sku_is_a_conflict(api: aiohttp.ClientSession) -> None:
    product = await created(api)
    async with api.post("/api/products", json=draft(sku=product["sku"])) as response:
        document = await problem(response, 409)
    assert document["errors"][0]["field"] == "sku"


async def test_what_is_not_there_is_not_found(api: aiohttp.ClientSession) -> None:
    for path in (
        f"/api/products/{uuid4()}",
        "/api/products/none",
        f"/api/products/{uuid4()}/picture",
        "/nowhere",
    ):
        async with api.get(path) as response:
            await problem(response, 404)
    async with api.patch(f"/api/products/{uuid4()}", json={"stock": 1}) as response:
        await problem(response, 404)
    async with api.delete(f"/api/products/{uuid4()}", headers={"If-Match": '"1"'}) as response:
        await problem(response, 404)


async def test_a_change_changes_only_what_it_names(api: aiohttp.ClientSession) -> None:
    product = await created(api)
    path = f"/api/products/{product['id']}"
    async with api.patch(path, json={"stock": 3, "category": "moved"}) as response:
        assert response.status == 200
        assert response.headers["ETag"] == '"2"'
        changed = await response.json()
    assert changed["updatedAt"] > product["updatedAt"]
    assert set(changed) == set(product)
    different = {key for key in product if product[key] != changed[key]}
    assert different == {"stock", "category", "version", "updatedAt", "pictureUrl"}
    async with api.patch(path, json={}) as response:
        assert (await response.json())["version"] == 2
    for refused in ({"sku": "new"}, {"name": None}):
        async with api.patch(path, json=refused) as response:
            await problem(response, 422)


async def test_a_change_of_an_old_version_is_refused(api: aiohttp.ClientSession) -> None:
    product = await created(api)
    path = f"/api/products/{product['id']}"
    async with api.patch(path, json={"stock": 1}, headers={"If-Match": '"1"'}) as response:
        assert response.status == 200
    for method in (api.patch, api.delete):
        async with method(path, json={"stock": 2}, headers={"If-Match": '"1"'}) as response:
            await problem(response, 412)
    async with api.patch(path, json={}, headers={"If-Match": '"1"'}) as response:
        await problem(response, 412)
    async with api.patch(path, json={"stock": 2}, headers={"If-Match": "new"}) as response:
        assert (await problem(response, 422))["errors"][0]["field"] == "If-Match"
    async with api.get(path) as response:
        assert (await response.json())["stock"] == 1


async def test_of_concurrent_changes_of_one_version_one_wins(api: aiohttp.ClientSession) -> None:
    product = await created(api)

    async def change(stock: int) -> int:
        path, match = f"/api/products/{product['id']}", {"If-Match": '"1"'}
        async with api.patch(path, json={"stock": stock}, headers=match) as response:
            return response.status

    statuses = await asyncio.gather(*(change(stock) for stock in range(10)))
    assert sorted(statuses) == [200] + [412] * 9


async def test_a_removed_product_is_gone(api: aiohttp.ClientSession) -> None:
    product = await created(api)
    path = f"/api/products/{product['id']}"
    async with api.delete(path) as response:
        assert response.status == 204
        assert await response.read() == b""
    async with api.delete(path) as response:
        await problem(response, 404)
    async with api.get(path) as response:
        await problem(response, 404)


async def test_one_key_creates_one_product(api: aiohttp.ClientSession) -> None:
    body, key = draft(), {"Idempotency-Key": uuid4().hex}

    async def create() -> tuple[int, dict[str, Any], str | None]:
        async with api.post("/api/products", json=body, headers=key) as response:
            return response.status, await response.json(), response.headers.get("Idempotent-Replayed")

    answers = await asyncio.gather(*(create() for _ in range(12)))
    assert {status for status, _, _ in answers} == {201}
    assert all(product == answers[0][1] for _, product, _ in answers)
    assert sorted(replayed or "" for _, _, replayed in answers) == [""] + ["true"] * 11
    assert len(await items(api, q=body["sku"])) == 1


async def test_a_key_serves_one_request_only(api: aiohttp.ClientSession) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    async with api.post("/api/products", json=draft(), headers=key) as response:
        assert response.status == 201
    async with api.post("/api/products", json=draft(), headers=key) as response:
        assert (await problem(response, 422))["errors"][0]["field"] == "Idempotency-Key"


async def test_a_refused_creation_does_not_use_up_its_key(api: aiohttp.ClientSession) -> None:
    taken = await created(api)
    body, key = draft(sku=taken["sku"]), {"Idempotency-Key": uuid4().hex}
    async with api.post("/api/products", json=body, headers=key) as response:
        await problem(response, 409)
    async with api.delete(f"/api/products/{taken['id']}"):
        pass
    async with api.post("/api/products", json=body, headers=key) as response:
        assert response.status == 201


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"sort": "price"}, "sort"),
        ({"after": "x"}, "after"),
        ({"after": "eyJpIjoxfQ"}, "after"),
        ({"categroy": "lamps"}, "categroy"),
    ],
)
async def test_bad_queries_are_refused(api: aiohttp.ClientSession, query: dict[str, str], field: str) -> None:
    async with api.get("/api/products", params=query) as response:
        document = await problem(response, 422)
    assert document["errors"][0] == {
        "field": field, "value": query[field], "message": document["errors"][0]["message"],
    }  # fmt: skip


async def test_search_finds_words_beginnings_and_other_forms(api: aiohttp.ClientSession) -> None:
    word = "zq" + uuid4().hex[:10]
    product = await created(
        api, name=f"Running shoes {word}", description="Für den Wald, 3.5/4-mm.", sku=f"AB-{word}"
    )
    await created(api, name=f"Walking shoe {word[::-1]}")
    for query in (
        word,
        word[:8],
        f"{word} run",
        f"shoe {word.upper()}",
        f"AB-{word}",
        f"'{word}' & !!",
        f"{word} wald",
    ):
        assert [item["id"] for item in await items(api, q=query)] == [product["id"]], query
    for query in (
        f"{word} walking",
        "!!!",
        "' ; DROP TABLE products; --",
        "\\",
        "a:*b",
        "%",
        "\x01\x02",
        "²½",
    ):
        assert product["id"] not in [item["id"] for item in await items(api, q=query)], query


async def test_categories_are_counted(api: aiohttp.ClientSession) -> None:
    category = "c" + uuid4().hex
    first = await created(api, category=category)
    await created(api, category=category)

    async def counted() -> list[dict[str, Any]]:
        async with api.get("/api/categories") as response:
            return [item for item in (await response.json())["items"] if item["slug"] == category]

    assert await counted() == [{"slug": category, "name": category.capitalize(), "count": 2}]
    async with api.patch(f"/api/products/{first['id']}", json={"category": "elsewhere"}):
        pass
    assert (await counted())[0]["count"] == 1
    assert [item["category"] for item in await items(api, category=category)] == [category]


async def test_a_picture_can_be_cached(api: aiohttp.ClientSession) -> None:
    product = await created(api, name="Pivot reading lamp")
    async with api.get(product["pictureUrl"]) as response:
        assert response.status == 200
        assert response.content_type == "image/svg+xml"
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        tag, picture = response.headers["ETag"], await response.text()
    assert picture.startswith("<svg")
    async with api.get(product["pictureUrl"], headers={"If-None-Match": f'"x", {tag}'}) as response:
        assert (response.status, response.headers["ETag"]) == (304, tag)
    async with api.get(f"/api/products/{product['id']}/picture?v=old") as response:
        assert response.headers["Cache-Control"] == "public, max-age=300"
    async with api.patch(f"/api/products/{product['id']}", json={"name": "Teapot"}) as response:
        assert (await response.json())["pictureUrl"] != product["pictureUrl"]


async def test_head_is_a_get_without_body(api: aiohttp.ClientSession) -> None:
    product = await created(api)
    for path in ("/api/products", f"/api/products/{product['id']}", product["pictureUrl"], "/api/categories"):
        async with api.get(path) as get, api.head(path) as head:
            assert head.status == get.status == 200
            assert head.content_type == get.content_type
            assert await head.read() == b""
    async with api.get(f"/api/products/{product['id']}", headers={"If-None-Match": '"1"'}) as response:
        assert response.status == 304
