"""A hundred thousand users: lists and searches read an index, and everybody is told about anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import aiohttp
import anyio
import psycopg
import pytest
from user_service.administration.repository import users_statement
from user_service.pagination import Cursor

from tests.services.identities import ADMIN
from tests.services.neighbours import Neighbours
from tests.services.postgres_server import PASSWORD, PostgresServer
from tests.services.product.test_pagination import explain, nodes
from tests.services.service_process import eventually, program
from tests.services.user.calls import call

pytestmark = pytest.mark.services

MANY = 100_000

FILL = f"""
INSERT INTO users (id, subject, email, email_verified, claimed_name, created_at)
SELECT gen_random_uuid(), 'many-' || n, 'm' || n % 977 || '.' || n || '@example.com', true,
       (ARRAY['Anna', 'Berta', 'Clara', 'Zoë'])[n % 4 + 1] || ' Müller' || n % 5000, now() - n * interval '1 second'
FROM generate_series(1, {MANY}) n ORDER BY random();
ANALYZE users;
"""


@pytest.fixture(scope="module")
def many(
    postgres: PostgresServer, settings: dict[str, str], database_name: str
) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the service's role to its database with many users."""
    with psycopg.connect(
        host=postgres.host,
        port=postgres.port,
        user="user_service",
        password=PASSWORD,
        dbname=database_name,
        autocommit=True,
        prepare_threshold=None,  # the tests prepare statements themselves
    ) as connection:
        connection.execute(FILL)
        yield connection


@pytest.mark.parametrize("generic", [False, True], ids=["custom", "generic"])
@pytest.mark.parametrize(
    ("words", "most"),
    [(["m5"], 25), (["müller4711"], 20), (["zoë", "müller4711"], 25), (["nobody"], 0)],
    ids=["common", "rare", "two", "none"],
)
def test_a_search_reads_its_index(
    many: psycopg.Connection[Any], words: list[str], most: int, generic: bool
) -> None:
    plan = explain(many, users_statement(25, words=words), generic=generic)
    scans = [node for node in nodes(plan) if "Scan" in node["Node Type"]]
    assert "users_search" in [node.get("Index Name") for node in scans], plan
    assert not [node for node in scans if node["Node Type"] == "Seq Scan"], plan
    assert plan["Actual Rows"] <= most


@pytest.mark.parametrize("generic", [False, True], ids=["custom", "generic"])
def test_a_page_deep_inside_is_read_from_an_index(many: psycopg.Connection[Any], generic: bool) -> None:
    row = many.execute("SELECT created_at, id FROM users ORDER BY 1, 2 OFFSET 50000 LIMIT 1").fetchone()
    assert row is not None
    plan = explain(many, users_statement(25, Cursor(*row)), generic=generic)
    scans = [node for node in nodes(plan) if "Scan" in node["Node Type"]]
    assert [node.get("Index Name") for node in scans] == ["users_newest"], plan
    assert scans[0]["Actual Rows"] == 25


def test_the_cursor_is_what_the_index_is_sorted_by() -> None:
    text = str(users_statement(2, Cursor(datetime.now(UTC), UUID(int=1))))
    assert "ORDER BY users.created_at DESC, users.id DESC" in text


@pytest.mark.parametrize(
    "query", ["?limit=100", "?q=anna&limit=100", "?q=m5", "?q=m977", "?q=zo%C3%AB+m%C3%BCller7"]
)
async def test_an_administrator_finds_users_in_time(
    api: aiohttp.ClientSession, many: psycopg.Connection[Any], query: str
) -> None:
    answer = await call(api, "GET", query, ADMIN)
    # Of 100,000 users, within the service's own limit of three seconds: it would answer 503.
    assert answer.status == 200


async def test_everybody_is_told_about_anew(
    many: psycopg.Connection[Any],
    settings: dict[str, str],
    api: aiohttp.ClientSession,
    neighbours: Neighbours,
) -> None:
    many.execute(
        "DELETE FROM users WHERE subject NOT IN (SELECT 'many-' || n FROM generate_series(1, 1234) n)"
    )
    many.execute("UPDATE users SET version = 7, blocked = true WHERE subject = 'many-17'")
    await neighbours.empty("order")
    command = [program("user-service"), "republish"]
    done = await anyio.run_process(command, env=settings, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert b"1234 users" in done.stdout

    async def all_told() -> bool:
        return await neighbours.depth("order") == 1234

    await eventually(all_told, within=60)
    told = await neighbours.heard("order", "user.changed", "many-17")
    assert (told.aggregateversion, told.data.blocked) == (7, True)
