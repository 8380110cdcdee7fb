"""`user-service migrate` on a real database."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from storefront_common.database.migration import Outcome
from user_service import application as _all_tables  # noqa: F401 registers them
from user_service.tables import Table

from tests.services.conftest import environment
from tests.services.postgres_server import PASSWORD, PostgresServer
from tests.services.user.conftest import migrate

pytestmark = pytest.mark.services


def test_the_tables_are_what_the_code_expects(postgres: PostgresServer, secrets: Path) -> None:
    postgres.create_database("user_migration", owner="user_service")
    settings = environment(postgres, "user_migration", secrets, user="user_service")
    assert [migrate(settings), migrate(settings)] == [Outcome.UPGRADED, Outcome.UNCHANGED]
    url = f"postgresql+psycopg://user_service:{PASSWORD}@{postgres.host}:{postgres.port}/user_migration"
    engine = create_engine(url.replace(" ", "%20"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False})
        assert compare_metadata(context, Table.metadata) == []
    engine.dispose()
