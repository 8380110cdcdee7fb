"""The shared tables, as migrations make them and as the code knows them."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, create_engine
from storefront_common.messaging import shared_tables
from storefront_common.settings import DatabaseSettings

pytestmark = pytest.mark.services


def test_the_tables_are_what_the_code_expects(settings: DatabaseSettings) -> None:
    metadata = MetaData()
    shared_tables.define(metadata)
    url = f"postgresql+psycopg://{settings.user}@{settings.host}:{settings.port}/{settings.name}"
    engine = create_engine(url, connect_args={"password": settings.password()})
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False})
        differences = compare_metadata(context, metadata)
    engine.dispose()
    assert [kind for kind, table in differences if table.name != "effects"] == []
