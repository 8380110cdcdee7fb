"""Lists of many products: complete, in order, and read from an index."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import aiohttp
import psycopg
import pytest
from product_service.catalogue.pagination import Cursor
from product_service.catalogue.repository import page_statement, sort_key
from product_service.catalogue.schemas import Sort
from product_service.catalogue.tables import Product
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect

from tests.services.postgres_server import PASSWORD, PostgresServer
from tests.services.service_process import eventually

pytestmark = pytest.mark.services

MANY = 10_000

# Few different prices, names and moments: the id has to decide often. No order on disk that helps.
FILL = f"""
INSERT INTO categories SELECT 'c' || n, 'C ' || n FROM generate_series(0, 9) n;
INSERT INTO products (id, sku, name, description, category, price_amount, price_currency, stock, created_at)
SELECT gen_random_uuid(), 'S-' || n, (ARRAY['Lamp', 'lamp', 'Äpfel', 'apple', 'Zebra', 'a-b'])[n % 6 + 1] || n % 50,
       'word' || n % 1000, 'c' || n % 10, n % 97, 'EUR', n, now() - (n / 7) * interval '1 minute'
FROM generate_series(1, {MANY}) n ORDER BY random();
ANALYZE;
"""


@pytest.fixture(scope="module")
def many(postgres: PostgresServer, database: dict[str, str]) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the service's role to its database with many products."""
    with psycopg.connect(
        host=postgres.host,
        port=postgres.port,
        user="product",
        password=PASSWORD,
        dbname=database["DATABASE_NAME"],
        autocommit=True,
        prepare_threshold=None,  # the tests prepare statements themselves
    ) as connection:
        if connection.execute("SELECT count(*) FROM products").fetchone() == (0,):
            connection.execute(FILL)
        yield connection


async def walk(api: aiohttp.ClientSession, **query: Any) -> list[dict[str, Any]]:
    """All products of a list, page by page."""
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        async with api.get("/api/products", params={**query, **after}) as response:
            assert response.status == 200, await response.text()
            page = await response.json()
        found += page["items"]
        if page["nextCursor"] is None:
            return found
        assert len(page["items"]) == query["limit"]
        after = {"after": page["nextCursor"]}


@pytest.mark.parametrize("sort", list(Sort))
async def test_a_walk_sees_every_product_once_and_in_order(
    api: aiohttp.ClientSession, many: psycopg.Connection[Any], sort: Sort
) -> None:
    order = {
        Sort.NEWEST: "created_at DESC, id DESC",
        Sort.PRICE_ASC: "price_amount, id",
        Sort.PRICE_DESC: "price_amount DESC, id DESC",
        Sort.NAME: 'name COLLATE "und-x-icu", id',
    }[sort]
    # Products of other tests come and go in category "new".
    rows = many.execute(f"SELECT id::text FROM products WHERE category = 'c3' ORDER BY {order}").fetchall()
    expected = [row[0] for row in rows]
    assert len(expected) == MANY / 10
    assert [item["id"] for item in await walk(api, limit=100, sort=sort.value, category="c3")] == expected


@pytest.mark.parametrize("sort", list(Sort))
async def test_products_that_come_and_go_meanwhile_neither_repeat_nor_hide_others(
    api: aiohttp.ClientSession, many: psycopg.Connection[Any], sort: Sort
) -> None:
    before = {
        row[0] for row in many.execute("SELECT id::text FROM products WHERE category LIKE 'c_'").fetchall()
    }
    done = asyncio.Event()

    async def come_and_go() -> int:
        number = 0
        while not done.is_set():
            number += 1
            body = {
                "sku": f"new-{sort}-{number}", "name": f"{'ALZ'[number % 3]}amp", "category": "new",
                "price": {"amount": number % 97},
            }  # fmt: skip
            async with api.post("/api/products", json=body) as response:
                product = await response.json()
                assert response.status == 201, product
            if number % 2:
                async with api.delete(f"/api/products/{product['id']}") as response:
                    assert response.status == 204
        return number

    writer = asyncio.create_task(come_and_go())
    seen = [item["id"] for item in await walk(api, limit=100, sort=sort.value)]
    done.set()
    assert await writer > 10
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


def explain(connection: psycopg.Connection[Any], statement: Any, *, generic: bool) -> dict[str, Any]:
    """The plan of `statement`: for these values, or as prepared for any values."""
    compiled = statement.compile(
        dialect=psycopg_dialect.dialect(), compile_kwargs={"render_postcompile": True}
    )
    parameters = dict(compiled.construct_params())
    text, values = str(compiled), []
    for number, name in enumerate(compiled.positiontup or parameters, start=1):
        text = text.replace(f"%({name})s", f"${number}")
        values.append(psycopg.sql.Literal(parameters[name]).as_string(connection))
    mode = "force_generic_plan" if generic else "force_custom_plan"
    connection.execute(f"SET plan_cache_mode = {mode}")
    connection.execute("DEALLOCATE ALL")
    connection.execute(f"PREPARE statement AS {text}")
    execute = f"EXECUTE statement({', '.join(values)})" if values else "EXECUTE statement"
    row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {execute}").fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """All nodes of a plan."""
    return [plan, *(node for child in plan.get("Plans", []) for node in nodes(child))]


@pytest.mark.parametrize("generic", [False, True], ids=["custom", "generic"])
@pytest.mark.parametrize("category", [None, "c3"])
@pytest.mark.parametrize("sort", list(Sort))
def test_a_page_deep_inside_is_read_from_an_index(
    many: psycopg.Connection[Any], sort: Sort, category: str | None, generic: bool
) -> None:
    column = {
        "newest": "created_at",
        "price_asc": "price_amount",
        "price_desc": "price_amount",
        "name": "name",
    }[sort]
    row = many.execute(
        f"SELECT id, {column} FROM products ORDER BY {column}, id OFFSET 5000 LIMIT 1"
    ).fetchone()
    assert row is not None
    product = Product(id=row[0], **{column: row[1]})
    after = Cursor(sort, sort_key(product, sort), product.id)

    plan = explain(many, page_statement(sort, 25, after, category), generic=generic)

    scans = [node for node in nodes(plan) if "Scan" in node["Node Type"]]
    expected = (
        "products_"
        + ("category_" if category else "")
        + sort.value.removesuffix("_asc").removesuffix("_desc")
    )
    assert [node.get("Index Name") for node in scans] == [expected], plan
    assert not [node for node in nodes(plan) if node["Node Type"] == "Sort"], plan
    # As many rows as the page has: nothing before it was read and thrown away.
    assert scans[0]["Actual Rows"] == 25
    assert scans[0].get("Rows Removed by Filter", 0) == 0


@pytest.mark.parametrize("generic", [False, True], ids=["custom", "generic"])
def test_a_search_reads_its_index(many: psycopg.Connection[Any], generic: bool) -> None:
    plan = explain(many, page_statement(Sort.NEWEST, 25, words=["word777"]), generic=generic)
    indexes = [node.get("Index Name") for node in nodes(plan) if "Index Scan" in node["Node Type"]]
    if generic:
        # The planner cannot know how rare a word is; either index beats reading the table.
        assert set(indexes) <= {"products_search", "products_newest"}
        assert indexes
    else:
        assert indexes == ["products_search"]


async def test_a_cursor_of_another_order_is_refused(
    api: aiohttp.ClientSession, many: psycopg.Connection[Any]
) -> None:
    async with api.get("/api/products", params={"sort": "name"}) as response:
        cursor = (await response.json())["nextCursor"]
    async with api.get("/api/products", params={"sort": "newest", "after": cursor}) as response:
        assert response.status == 422
        assert (await response.json())["errors"][0]["field"] == "after"


async def test_everybody_at_once_is_served(api: aiohttp.ClientSession, many: psycopg.Connection[Any]) -> None:
    async def one(number: int) -> int:
        async with api.get("/api/products", params={"category": f"c{number % 10}", "limit": 24}) as response:
            await response.read()
            return response.status

    statuses = await asyncio.gather(*(one(number) for number in range(200)))
    assert set(statuses) == {200}


async def test_connections_are_all_given_back(api: aiohttp.ClientSession, service: Any) -> None:
    async def idle() -> bool:
        async with api.get(service.ops + "/metrics") as response:
            return "database_connections_in_use 0.0" in await response.text()

    await eventually(idle)
