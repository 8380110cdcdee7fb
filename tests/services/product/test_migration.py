"""`product-service migrate` on a real database."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from product_service.catalogue import tables as _catalogue
from product_service.main import MIGRATIONS
from product_service.sample.catalogue import categories, products
from product_service.tables import Table
from sqlalchemy import Engine, create_engine
from storefront_common.database import Schema
from storefront_common.database.migration import Outcome, configuration

from tests.services.identities import ADMIN
from tests.services.postgres_server import PASSWORD, PostgresServer
from tests.services.product.conftest import product_environment
from tests.services.product.product_process import COMMAND, ProductProcess, migrate, run
from tests.services.service_process import eventually

pytestmark = pytest.mark.services


@pytest.fixture
def empty(postgres: PostgresServer, secrets: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment for a new, empty database."""
    name = request.node.originalname[:60]
    postgres.create_database(name)
    return product_environment(postgres, name, secrets)


def query(postgres: PostgresServer, database: dict[str, str], statement: str) -> list[Any]:
    """The rows of a statement."""
    with postgres.admin(database["DATABASE_NAME"]) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def engine_for(postgres: PostgresServer, database: dict[str, str]) -> Engine:
    """SQLAlchemy's way to the database, as the service's own role."""
    url = (
        f"postgresql+psycopg://product:{PASSWORD}@{postgres.host}:{postgres.port}/{database['DATABASE_NAME']}"
    )
    return create_engine(url.replace(" ", "%20"))


def test_migrating_again_changes_nothing(empty: dict[str, str]) -> None:
    assert [migrate(empty), migrate(empty)] == [Outcome.UPGRADED, Outcome.UNCHANGED]


def test_of_migrations_at_once_one_does_it(postgres: PostgresServer, empty: dict[str, str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: migrate(empty, sample_catalogue=True), range(4)))
    assert sorted(outcomes) == [Outcome.UNCHANGED] * 3 + [Outcome.UPGRADED]
    assert query(postgres, empty, "SELECT count(*) FROM products") == [(len(products()),)]


def test_a_newer_schema_is_left_alone(postgres: PostgresServer, empty: dict[str, str]) -> None:
    migrate(empty)
    query(postgres, empty, "UPDATE alembic_version SET version_num = '9999'")
    done = run(empty, "migrate", "--sample-catalogue")
    assert done.returncode == 0, done.stderr
    assert "newer than this image" in done.stdout
    assert query(postgres, empty, "SELECT version_num FROM alembic_version") == [("9999",)]
    assert query(postgres, empty, "SELECT count(*) FROM products") == [(0,)]


def test_the_tables_are_what_the_code_expects(postgres: PostgresServer, empty: dict[str, str]) -> None:
    migrate(empty)
    assert _catalogue.Product.metadata is Table.metadata
    engine = engine_for(postgres, empty)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False})
        assert compare_metadata(context, Table.metadata) == []
    engine.dispose()


def test_the_sample_catalogue_is_added_once(postgres: PostgresServer, empty: dict[str, str]) -> None:
    migrate(empty, sample_catalogue=True)
    assert query(postgres, empty, "SELECT count(*) FROM products") == [(len(products()),)]
    assert query(postgres, empty, "SELECT count(*) FROM categories") == [(len(categories()),)]
    query(postgres, empty, "UPDATE products SET stock = 1, version = 2 WHERE sku = 'CT-1001'")
    query(postgres, empty, "DELETE FROM products WHERE sku = 'CT-1002'")
    again = run(empty, "migrate", "--sample-catalogue")
    assert again.returncode == 0, again.stderr
    assert '"added": 1' in again.stdout
    assert query(postgres, empty, "SELECT stock FROM products WHERE sku = 'CT-1001'") == [(1,)]


OLD_PRODUCT = """
    INSERT INTO products (id, sku, name, description, category, price_amount, price_currency, stock)
    VALUES (gen_random_uuid(), %s, 'Lamp', 'Bright.', 'lamps', 1999, 'EUR', 7)
"""
"""What an image of revision 0001 writes."""


async def test_an_upgrade_keeps_what_is_there_and_lets_older_images_go_on(
    postgres: PostgresServer, empty: dict[str, str], http: aiohttp.ClientSession
) -> None:
    config = configuration(Schema(MIGRATIONS))
    engine = engine_for(postgres, empty)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with postgres.admin(empty["DATABASE_NAME"]) as old_image:
        old_image.execute("INSERT INTO categories VALUES ('lamps', 'Lamps')")
        old_image.execute(OLD_PRODUCT, ["OLD-1"])

        assert migrate(empty) is Outcome.UPGRADED

        # Until the rollout is over, it goes on as before.
        old_image.execute(OLD_PRODUCT, ["OLD-2"])
        old_image.execute("UPDATE products SET stock = stock - 2, version = version + 1 WHERE sku = 'OLD-1'")
    assert query(postgres, empty, "SELECT key FROM tasks WHERE kind = 'republish' ORDER BY key") == [
        ("0003",), ("0003-late",),
    ]  # fmt: skip
    service = ProductProcess(empty)
    try:
        shown = []
        for sku in ("OLD-1", "OLD-2"):
            async with http.get(f"{service.api}/api/inventory/{sku}", headers=ADMIN) as response:
                assert response.status == 200, await response.text()
                stock = await response.json()
                shown.append((stock["onHand"], stock["reserved"], stock["available"], stock["active"]))
        assert shown == [(5, 0, 5, True), (7, 0, 7, True)]
        async with http.get(f"{service.api}/api/products", params={"q": "bright"}) as response:
            found = (await response.json())["items"]
        assert {product["sku"] for product in found} == {"OLD-1", "OLD-2"}
    finally:
        assert service.stop() == 0


def test_a_migration_waits_for_its_database(fragile_postgres: PostgresServer, secrets: Path) -> None:
    fragile_postgres.create_database("late")
    fragile_postgres.stop()
    settings = {**product_environment(fragile_postgres, "late", secrets), "PYTHONUNBUFFERED": "1"}
    migration = subprocess.Popen(
        [*COMMAND, "migrate"], env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert migration.stdout is not None
    assert "retry" in migration.stdout.readline()
    fragile_postgres.start()
    output, _ = migration.communicate(timeout=30)
    assert migration.returncode == 0, output
    assert "schema upgraded" in output


def test_wrong_settings_are_named() -> None:
    for action in ("serve", "migrate"):
        done = run({"DATABASE_PORT": "many", "DATABASE_NAME": "x", "DATABASE_USER": "x"}, action)
        assert done.returncode == 2
        assert {line.partition(":")[0] for line in done.stderr.splitlines()} == {
            "DATABASE_HOST", "DATABASE_PASSWORD_FILE", "DATABASE_PORT",
        }  # fmt: skip


async def test_a_replica_is_ready_when_its_schema_is_there_or_newer(
    postgres: PostgresServer, empty: dict[str, str], http: aiohttp.ClientSession
) -> None:
    service = ProductProcess(empty)
    try:

        async def readiness() -> tuple[int, str]:
            async with http.get(service.ops + "/readyz") as response:
                return response.status, await response.text()

        status, reason = await readiness()
        assert (status, "run `migrate`" in reason) == (503, True), reason
        async with http.get(service.api + "/api/products") as response:
            assert response.status == 503
        for path in ("/livez", "/startupz"):
            async with http.get(service.ops + path) as response:
                assert response.status == 200

        migrate(empty)
        await eventually(lambda: _is(readiness, 200))
        query(postgres, empty, "UPDATE alembic_version SET version_num = '9999'")
        assert (await readiness())[0] == 200
    finally:
        assert service.stop() == 0


async def _is(readiness: Any, status: int) -> bool:
    return bool((await readiness())[0] == status)
