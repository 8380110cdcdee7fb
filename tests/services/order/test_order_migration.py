"""The schema of the order database."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from order_service.all_tables import METADATA
from sqlalchemy import create_engine
from storefront_common.database.migration import Outcome

from tests.services.conftest import environment
from tests.services.order.order_process import migrate
from tests.services.postgres_server import PASSWORD, PostgresServer

pytestmark = pytest.mark.services


def test_the_tables_are_what_the_code_expects(postgres: PostgresServer, secrets: Path) -> None:
    postgres.create_database("order_schema", "order_owner")
    settings = environment(postgres, "order_schema", secrets, "order_owner")
    assert [migrate(settings), migrate(settings)] == [Outcome.UPGRADED, Outcome.UNCHANGED]
    url = f"postgresql+psycopg://order_owner:{PASSWORD}@{postgres.host}:{postgres.port}/order_schema"
    engine = create_engine(url.replace(" ", "%20"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()
    with postgres.admin("order_schema") as admin:
        assert admin.execute("SELECT kind, key FROM tasks").fetchall() == [("sweep", "sweep")]
