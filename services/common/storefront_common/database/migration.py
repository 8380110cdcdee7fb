"""Bringing a database to the schema that this image needs; safe to run any number of times, also at once."""

import zlib
from collections.abc import Awaitable, Callable
from enum import StrEnum

import stamina
import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from storefront_common.database import connections
from storefront_common.database.failures import Failure, MigrationError, classify
from storefront_common.database.schema import Schema, current_revision
from storefront_common.settings import DatabaseSettings

logger = structlog.stdlib.get_logger(__name__)

_WORTH_WAITING = (Failure.LOST, Failure.REFUSED, Failure.READ_ONLY, Failure.BUSY)


class Outcome(StrEnum):
    """What a migration found and did."""

    UPGRADED = "upgraded"
    UNCHANGED = "unchanged"
    NEWER = "newer"
    """A newer image was here: nothing was done."""


async def migrate(
    settings: DatabaseSettings,
    schema: Schema,
    application: str,
    *,
    wait_seconds: float = 300.0,
    then: Callable[[AsyncConnection], Awaitable[None]] | None = None,
) -> Outcome:
    """Upgrade the database to `schema.head` in one transaction, under a lock that only one process can hold.

    Args:
        wait_seconds: how long to wait for the database and for another migration.
        then: run in the same transaction after the schema is right; not run on a newer schema.

    Raises:
        MigrationError: the database stayed away, or another migration held the lock all the time.
    """
    try:
        async for attempt in stamina.retry_context(
            on=lambda error: classify(error) in _WORTH_WAITING,
            attempts=None,
            timeout=wait_seconds,
            wait_initial=0.2,
            wait_max=5.0,
            wait_jitter=0.5,
        ):
            with attempt:
                return await _migrate_once(settings, schema, application, wait_seconds, then)
    except Exception as error:
        if classify(error) is None:
            raise
        raise MigrationError(
            f"no migration within {wait_seconds:g} s: database {settings.name} at {settings.host}:{settings.port} "
            f"as {settings.user}: {error.__cause__ or error}"
        ) from error
    raise AssertionError("unreachable: retries end with a result or an error")


def configuration(schema: Schema) -> Config:
    """Alembic's configuration for the migrations of `schema`."""
    config = Config()
    package, _, folder = schema.package.rpartition(".")
    config.set_main_option("script_location", f"{package}:{folder}")
    config.set_main_option("path_separator", "os")
    return config


async def _migrate_once(
    settings: DatabaseSettings,
    schema: Schema,
    application: str,
    wait_seconds: float,
    then: Callable[[AsyncConnection], Awaitable[None]] | None,
) -> Outcome:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        # Building an index may take long: no limit on a statement.
        async_creator=lambda *_, **__: connections.connect(
            settings, f"{application} migrate", command_timeout=None, patience=settings.connect_timeout
        ),
        poolclass=NullPool,
    )
    try:
        async with engine.begin() as connection:
            await _lock(connection, application, wait_seconds)
            before = await connection.run_sync(_revision_if_any)
            if schema.is_newer(before):
                logger.info(
                    "the schema is newer than this image; nothing to do", revision=before, known=schema.head
                )
                return Outcome.NEWER
            if schema.is_older(before):
                await connection.run_sync(_upgrade, schema)
                logger.info("schema upgraded", before=before, after=await current_revision(connection))
            else:
                logger.info("the schema is up to date", revision=before)
            if then is not None:
                await then(connection)
            return Outcome.UPGRADED if schema.is_older(before) else Outcome.UNCHANGED
    finally:
        await engine.dispose()


async def _lock(connection: AsyncConnection, application: str, wait_seconds: float) -> None:
    """Take the lock of this transaction; it is released with it, also when this process dies."""
    await connection.execute(text(f"SET LOCAL lock_timeout = '{max(1, int(wait_seconds))}s'"))
    key = zlib.crc32(f"migrate {application}".encode())
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
    # Behind a statement that waits for a table, every request waits too: rather give up and try again.
    await connection.execute(text("SET LOCAL lock_timeout = '3s'"))


def _revision_if_any(connection: Connection) -> str | None:
    # A failed query would abort the transaction: ask first.
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar_one() is None:
        return None
    revision: str | None = connection.execute(
        text("SELECT version_num FROM alembic_version")
    ).scalar_one_or_none()
    return revision


def _upgrade(connection: Connection, schema: Schema) -> None:
    config = configuration(schema)
    config.attributes["connection"] = connection
    command.upgrade(config, schema.head)
