"""The database from outside: its pool, its errors, its schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy.exc
from alembic.script import ScriptDirectory
from product_service.main import MIGRATIONS
from storefront_common.database import Database, DatabaseUnavailableError, Schema
from storefront_common.database.connections import _server_settings
from storefront_common.database.failures import Failure, classify
from storefront_common.database.migration import configuration
from storefront_common.settings import DatabaseSettings, SecretUnreadableError


async def test_the_pool_never_exceeds_its_size(tmp_path: Path) -> None:
    given = DatabaseSettings(host="db", name="p", user="p", password_file=tmp_path / "absent", pool_size=3)
    database = Database(given, "test")
    pool: Any = database._engine.sync_engine.pool
    assert (pool.size(), pool._max_overflow, pool.checkedout()) == (3, 0, 0)
    await database.close()


def test_the_server_drops_clients_that_are_gone() -> None:
    given = _server_settings("product", 5.0)
    assert given["statement_timeout"] == "5000"
    assert int(given["tcp_user_timeout"]) <= 5000
    assert _server_settings("product migrate", None)["statement_timeout"] == "0"


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ConnectionRefusedError(), Failure.LOST),
        (TimeoutError(), Failure.LOST),
        (asyncpg.ConnectionDoesNotExistError(), Failure.LOST),
        (asyncpg.AdminShutdownError(), Failure.LOST),
        (asyncpg.InterfaceError("connection is closed"), Failure.LOST),
        (asyncpg.CannotConnectNowError(), Failure.REFUSED),
        (asyncpg.TooManyConnectionsError(), Failure.REFUSED),
        (asyncpg.InvalidPasswordError(), Failure.REFUSED),
        (SecretUnreadableError(), Failure.REFUSED),
        (asyncpg.ReadOnlySQLTransactionError(), Failure.READ_ONLY),
        (asyncpg.QueryCanceledError(), Failure.BUSY),
        (sqlalchemy.exc.TimeoutError(), Failure.BUSY),
        (asyncpg.UndefinedTableError(), Failure.NO_SCHEMA),
        (DatabaseUnavailableError(Failure.LOST), Failure.LOST),
        (asyncpg.UniqueViolationError(), None),
        (asyncpg.DataError(), None),
        (ValueError(), None),
    ],
)
def test_errors_that_mean_the_database_is_away(error: Exception, failure: Failure | None) -> None:
    assert classify(error) is failure
    if not isinstance(error, asyncpg.PostgresError):
        return
    wrapped = sqlalchemy.exc.DBAPIError("SELECT 1", {}, Exception("adapted"))
    assert wrapped.orig is not None
    wrapped.orig.__cause__ = error
    assert classify(wrapped) is failure


def test_the_files_names_tell_what_alembic_finds_in_them() -> None:
    schema = Schema(MIGRATIONS)
    found = list(ScriptDirectory.from_config(configuration(schema)).walk_revisions())
    assert [script.revision for script in reversed(found)] == schema.revisions
    assert [script.down_revision for script in reversed(found)] == [None, *schema.revisions[:-1]]


def test_a_schema_is_good_when_it_is_this_image_s_or_newer() -> None:
    schema = Schema(MIGRATIONS)
    assert schema.shortcoming(schema.head) is None
    assert schema.shortcoming("made by a later image") is None
    assert schema.is_newer("made by a later image")
    assert not schema.is_newer(schema.head)
    assert "run `migrate`" in (schema.shortcoming(None) or "")
    assert not schema.is_newer(None)
