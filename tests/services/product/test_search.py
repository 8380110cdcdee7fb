"""Search on a real Elasticsearch: words, typing errors, facets, pages, and the index's way from old to new."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio
from product_service.search.connection import SearchConnection, SearchRefusedError
from product_service.search.index import SearchIndex
from product_service.search.rebuilding import Rebuilding
from storefront_common.settings import ElasticsearchSettings

from tests.services.elasticsearch_server import ElasticsearchServer
from tests.services.product.product_process import run
from tests.services.product.store import Store
from tests.services.service_process import eventually

pytestmark = pytest.mark.services

PRODUCTS = [
    # name, description, category, price, stock
    ("Halden stoneware mug", "For coffee and cocoa.", "coffee-tea", 1890, 4),
    ("Sörvik enamel teapot", "With a handle that stays cool.", "coffee-tea", 5600, 2),
    ("Espresso cup", "Small, for a short coffee.", "coffee-tea", 2450, 0),
    ("Mira table lamp", "A linen shade on a glazed foot.", "lighting", 8900, 3),
    ("Pivot reading lamp", "Two joints; LED.", "lighting", 9900, 1),
    ("Studio task light", "A lamp for drawing.", "lighting", 11900, 1),
    ("Everyday saucepan", "Three litres, with a lid.", "kitchen", 5900, 9),
]


async def search(shop: aiohttp.ClientSession, **query: Any) -> dict[str, Any]:
    """A page of what is found."""
    async with shop.get("/api/search", params=query) as response:
        assert response.status == 200, await response.text()
        page: dict[str, Any] = await response.json()
        return page


def names(page: dict[str, Any]) -> list[str]:
    """The names of what was found, in order."""
    return [item["name"] for item in page["items"]]


@pytest_asyncio.fixture
async def stocked(shop: aiohttp.ClientSession) -> AsyncIterator[aiohttp.ClientSession]:
    """The shop with PRODUCTS, all of them in the index."""
    async with shop.get("/api/products") as response:
        missing = not (await response.json())["items"]
    for name, description, category, price, stock in PRODUCTS if missing else []:
        draft = {
            "sku": f"S-{uuid4().hex[:8]}", "name": name, "description": description, "category": category,
            "price": {"amount": price}, "stock": stock,
        }  # fmt: skip
        async with shop.post("/api/products", json=draft) as response:
            assert response.status == 201

    async def indexed() -> bool:
        page = await search(shop)
        return not page["degraded"] and page["total"] >= len(PRODUCTS)

    await eventually(indexed, within=30)
    yield shop


async def _finds(shop: aiohttp.ClientSession, number: int, **query: Any) -> bool:
    page = await search(shop, **query)
    return not page["degraded"] and page["total"] == number


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("teapot", ["Sörvik enamel teapot"]),
        ("SORVIK", ["Sörvik enamel teapot"]),
        (unicodedata.normalize("NFD", "sörvik"), ["Sörvik enamel teapot"]),
        ("tea", ["Sörvik enamel teapot", "Halden stoneware mug", "Espresso cup"]),
        ("lamp", ["Mira table lamp", "Pivot reading lamp", "Studio task light"]),
        ("lamps reading", ["Pivot reading lamp"]),
        ("table lamp", ["Mira table lamp"]),
        ("halden mug coffee", ["Halden stoneware mug"]),
    ],
)
async def test_words_are_found_the_best_match_first(
    stocked: aiohttp.ClientSession, words: str, found: list[str]
) -> None:
    page = await search(stocked, q=words)
    assert not page["approximate"]
    assert names(page)[0] == found[0] or words in ("lamp", "tea")
    assert sorted(names(page)) == sorted(found)
    if words == "lamp":
        assert names(page)[-1] == "Studio task light", (
            "a word in the name says more than one in the description"
        )


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("teapto", "Sörvik enamel teapot"),
        ("expresso", "Espresso cup"),
        ("sausepan", "Everyday saucepan"),
        ("redaing lmap", "Pivot reading lamp"),
        ("halden mug zebra", "Halden stoneware mug"),
    ],
)
async def test_typing_errors_are_forgiven_where_nothing_else_is_found(
    stocked: aiohttp.ClientSession, words: str, first: str
) -> None:
    page = await search(stocked, q=words)
    assert page["approximate"]
    assert names(page)[0] == first


async def test_what_is_no_word_finds_nothing(stocked: aiohttp.ClientSession) -> None:
    for words in ("!!!", "xyzzyxyzzy", "*:*", '{"query":1}', "\x00", "²" * 12):
        page = await search(stocked, q=words)
        assert (page["items"], page["total"], page["degraded"]) == ([], 0, False), words


async def test_a_product_is_found_as_it_is_shown(stocked: aiohttp.ClientSession) -> None:
    (item,) = (await search(stocked, q="saucepan"))["items"]
    async with stocked.get(f"/api/products/{item['id']}") as response:
        shown = await response.json()
    assert item == {key: value for key, value in shown.items() if key != "variants"}
    assert (await search(stocked, q=item["sku"]))["items"] == [item]


async def test_facets_count_what_narrowing_would_leave(stocked: aiohttp.ClientSession) -> None:
    page = await search(stocked, q="lamp")
    assert page["facets"]["categories"] == [{"slug": "lighting", "name": "Lighting", "count": 3}]
    assert page["facets"]["prices"] == [
        {"priceMin": 5000, "priceMax": 9999, "count": 2},
        {"priceMin": 10000, "priceMax": 19999, "count": 1},
    ]
    page = await search(stocked, category="coffee-tea", priceMin=2000, priceMax=6000)
    assert sorted(names(page)) == ["Espresso cup", "Sörvik enamel teapot"]
    assert page["total"] == 2
    counts = {facet["slug"]: facet["count"] for facet in page["facets"]["categories"]}
    assert counts == {"coffee-tea": 2, "kitchen": 1}, "those of the price range"
    assert [facet["count"] for facet in page["facets"]["prices"]] == [2, 1], "those of the category"
    page = await search(stocked, category="coffee-tea", inStock="true")
    assert "Espresso cup" not in names(page)
    assert len(names(page)) == 2


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("price_asc", lambda item: item["price"]["amount"]),
        ("price_desc", lambda item: -item["price"]["amount"]),
        ("name", lambda item: item["name"].casefold().replace("ö", "o")),
    ],
)
async def test_orders(stocked: aiohttp.ClientSession, sort: str, key: Any) -> None:
    items = (await search(stocked, sort=sort))["items"]
    assert items == sorted(items, key=key)


@pytest.mark.parametrize(
    "query", [{}, {"q": "coffee lamp tea", "sort": "relevance"}, {"q": "lamp"}, {"sort": "name"}]
)
async def test_a_walk_sees_every_product_once(stocked: aiohttp.ClientSession, query: dict[str, str]) -> None:
    whole = await search(stocked, **query, limit=100)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await search(stocked, **query, **cursor, limit=2)
        seen += names(page)
        assert page["total"] == whole["total"]
        assert (page["facets"] is None) == bool(cursor)
        if page["nextCursor"] is None:
            break
        cursor = {"after": page["nextCursor"]}
    assert seen == names(whole)
    assert len(seen) == whole["total"]


@pytest.mark.parametrize(
    "after", ["x", "eyJzb3J0IjoibmFtZSJ9", "eyJzb3J0IjoibmV3ZXN0IiwidmFsdWVzIjpbInkiLCJ4Il19"]
)
async def test_a_wrong_cursor_is_refused(stocked: aiohttp.ClientSession, after: str) -> None:
    async with stocked.get("/api/search", params={"after": after}) as response:
        assert response.status == 422
        assert (await response.json())["errors"][0]["field"] == "after"


async def test_changes_arrive(stocked: aiohttp.ClientSession) -> None:
    word = "zq" + uuid4().hex[:10]
    draft = {
        "sku": word, "name": f"Changing {word}", "category": "changing", "price": {"amount": 1}, "stock": 1,
        "options": {"colour": "moss"}, "variantGroup": word,
    }  # fmt: skip
    async with stocked.post("/api/products", json=draft) as response:
        product = await response.json()
    await eventually(lambda: _finds(stocked, 1, q=f"{word} moss"))
    path = f"/api/products/{product['id']}"
    async with stocked.patch(path, json={"name": f"Altered {word}"}) as response:
        assert response.status == 200
    await eventually(lambda: _finds(stocked, 1, q=f"altered {word}"))
    async with stocked.patch(path, json={"active": False}) as response:
        assert response.status == 200
    await eventually(lambda: _finds(stocked, 0, q=word))
    async with stocked.patch(path, json={"active": True}) as response:
        assert response.status == 200
    await eventually(lambda: _finds(stocked, 1, q=word))
    async with stocked.patch("/api/categories/changing", json={"name": f"Renamed {word[::-1]}"}) as response:
        assert response.status == 200, await response.text()
    await eventually(lambda: _finds(stocked, 1, q=word[::-1]))
    async with stocked.delete(path) as response:
        assert response.status == 204
    await eventually(lambda: _finds(stocked, 0, q=word))


async def test_a_re_index_is_not_noticed(
    stocked: aiohttp.ClientSession,
    elasticsearch: ElasticsearchServer,
    whole_environment: dict[str, str],
) -> None:
    (before,) = elasticsearch.request("GET", "/_alias/products")
    # What the index has lost comes back with it.
    (item,) = (await search(stocked, q="saucepan"))["items"]
    elasticsearch.request("DELETE", f"/products/_doc/{item['id']}?refresh=true")
    assert (await search(stocked, q="saucepan"))["total"] == 0
    done = asyncio.Event()

    async def keep_searching() -> int:
        number = 0
        while not done.is_set():
            page = await search(stocked, q="teapot")
            assert (names(page), page["degraded"]) == (["Sörvik enamel teapot"], False)
            number += 1
        return number

    searching = asyncio.create_task(keep_searching())
    completed = await asyncio.to_thread(run, whole_environment, "reindex")
    done.set()
    assert await searching > 5
    assert completed.returncode == 0, completed.stderr
    (after,) = elasticsearch.request("GET", "/_alias/products")
    assert after != before
    assert list(elasticsearch.request("GET", "/products-*")) == [after], "older ones are removed"
    assert (await search(stocked, q="saucepan"))["total"] == 1


async def test_changes_during_a_re_index_are_not_lost(
    stocked: aiohttp.ClientSession,
    elasticsearch: ElasticsearchServer,
    whole_environment: dict[str, str],
) -> None:
    word = "zq" + uuid4().hex[:10]

    async def create(name: str) -> dict[str, Any]:
        draft = {
            "sku": f"R-{uuid4().hex}"[:30], "name": f"{name} {word}", "category": "lighting",
            "price": {"amount": 1},
        }  # fmt: skip
        async with stocked.post("/api/products", json=draft) as response:
            product: dict[str, Any] = await response.json()
            return product

    changed, removed = await create("Before"), await create("Removed")
    await eventually(lambda: _finds(stocked, 2, q=word))
    connection = SearchConnection(ElasticsearchSettings.model_validate({"url": elasticsearch.url}))
    async with Store(whole_environment) as store:
        rebuilding = Rebuilding(store.database, SearchIndex(connection))
        index = SearchIndex(connection)
        name = await index.begin()
        # The batch is read, but not written yet, when the changes come.
        batch = rebuilding._copy
        fill = index.fill

        async def late_fill(entries: Any) -> None:
            async with stocked.patch(
                f"/api/products/{changed['id']}", json={"name": f"After {word}"}
            ) as response:
                assert response.status == 200
            async with stocked.delete(f"/api/products/{removed['id']}") as response:
                assert response.status == 204
            await create("New")
            await eventually(lambda: _finds(stocked, 1, q=f"after {word}"))
            await eventually(lambda: _finds(stocked, 1, q=f"new {word}"))
            await eventually(lambda: _finds(stocked, 0, q=f"removed {word}"))
            await fill(entries)

        rebuilding._index.fill = late_fill  # type: ignore[method-assign]
        assert await batch(None) is None
        await index.finish(name)
        # A second one that was given up cannot take over.
        given_up, _ = await index.begin(), await index.begin()
        with pytest.raises(SearchRefusedError):
            await index.finish(given_up)
    await connection.close()
    assert sorted(names(await search(stocked, q=word))) == [f"After {word}", f"New {word}"]
    assert elasticsearch.request("GET", "/_alias/products").keys() == {name}


async def test_an_index_that_is_gone_comes_back_by_itself(
    stocked: aiohttp.ClientSession, elasticsearch: ElasticsearchServer, whole_environment: dict[str, str]
) -> None:
    for name in elasticsearch.request("GET", "/products-*"):
        elasticsearch.request("DELETE", f"/{name}")
    page = await search(stocked, q="teapot")
    assert page["degraded"]
    assert names(page) == ["Sörvik enamel teapot"]
    async with Store(whole_environment) as store:
        # Not to wait for the minute after which it looks again.
        await store.look_now()
    await eventually(lambda: _finds(stocked, 1, q="teapot"))
