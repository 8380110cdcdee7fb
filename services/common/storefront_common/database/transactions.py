"""One request, one transaction: bounded in time, retried only where that is safe."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeVar

import asyncpg
import sqlalchemy.event
import sqlalchemy.exc
import stamina
from prometheus_client import Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker, create_async_engine

from storefront_common.database.connections import Connector
from storefront_common.database.failures import DatabaseUnavailableError, Failure, classify
from storefront_common.settings import DatabaseSettings
from storefront_common.telemetry.statements import trace_statements

Result = TypeVar("Result")
Work = Callable[[AsyncSession], Awaitable[Result]]

_FAILURES = Counter("database_failures_total", "Attempts that the database could not serve", ["reason"])
_IN_USE = Gauge("database_connections_in_use", "Connections that requests hold now")
_LIMIT = Gauge("database_connections_limit", "Connections that this process may open")

_ATTEMPTS = 3
_TRUST_SECONDS = 1.0
_CONNECTING_AGAIN_HELPS = (Failure.LOST, Failure.REFUSED)
_CUT_CONNECTION = (Failure.LOST, Failure.READ_ONLY, Failure.BUSY)

_always_verify: ContextVar[bool] = ContextVar("always_verify", default=False)
"""A write is never repeated, so it starts only on a connection that answered just now."""


class Database:
    """The service's database: `read` and `write` run one transaction each.

    Both end within `request_timeout` seconds: with a result, or with DatabaseUnavailableError. Nothing connects
    before the first use, and a database that comes back is used again without further ado.
    """

    def __init__(self, settings: DatabaseSettings, application: str) -> None:
        self._settings = settings
        self._suspected = 0.0
        self.answered = 0
        """Reads and writes that the database has done so far."""
        self._connector = Connector(settings, application)
        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=lambda *_, **__: self._connector.connect(),
            pool_size=settings.pool_size,
            max_overflow=0,
            # Below the request's limit, so that the failure says which of the two it was.
            pool_timeout=0.8 * settings.request_timeout,
            # Few warm connections rather than many that idle.
            pool_use_lifo=True,
        )
        trace_statements(self._engine.sync_engine)
        pool = self._engine.sync_engine.pool
        sqlalchemy.event.listen(pool, "checkout", self._check_connection)
        sqlalchemy.event.listen(pool, "checkin", _note_time)
        _LIMIT.set(settings.pool_size)
        _IN_USE.set_function(lambda: float(pool.checkedout()))  # type: ignore[attr-defined]
        self._writes = async_sessionmaker(self._engine, expire_on_commit=False)
        # A read is one statement: PostgreSQL's own transaction around it spares BEGIN and COMMIT on the wire.
        self._reads = async_sessionmaker(
            self._engine.execution_options(isolation_level="AUTOCOMMIT"), expire_on_commit=False
        )

    async def read(self, work: Work[Result]) -> Result:
        """The result of `work`, which reads with one statement; repeated when the connection breaks."""
        deadline = asyncio.get_running_loop().time() + self._settings.request_timeout
        try:
            async for attempt in self._attempts():
                with attempt:
                    session = self._reads()
                    connection = await self._acquire(session, deadline)
                    return await self._run(session, connection, work, deadline)
        except Exception as error:
            _raise_unavailable(error)
            raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def write(self, work: Work[Result]) -> Result:
        """The result of `work` after its transaction is committed; only connecting is ever repeated."""
        deadline = asyncio.get_running_loop().time() + self._settings.request_timeout
        session = self._writes()
        try:
            verify = _always_verify.set(True)
            try:
                async for attempt in self._attempts():
                    with attempt:
                        connection = await self._acquire(session, deadline)
            finally:
                _always_verify.reset(verify)
            return await self._run(session, connection, work, deadline)
        except Exception as error:
            _raise_unavailable(error)
            raise

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()
        await self._connector.close()

    def _attempts(self) -> Any:
        return stamina.retry_context(
            on=lambda error: classify(error) in _CONNECTING_AGAIN_HELPS,
            attempts=_ATTEMPTS,
            timeout=self._settings.request_timeout,
            wait_initial=0.05,
            wait_max=0.5,
            wait_jitter=0.05,
        )

    async def _acquire(self, session: AsyncSession, deadline: float) -> AsyncConnection:
        """A connection that works, in time or not at all."""
        try:
            async with asyncio.timeout_at(deadline):
                return await session.connection()
        except BaseException as error:
            self._note_failure(error)
            await session.close()
            raise

    async def _run(
        self, session: AsyncSession, connection: AsyncConnection, work: Work[Result], deadline: float
    ) -> Result:
        driver: asyncpg.Connection = (await connection.get_raw_connection()).driver_connection
        # To cancel a statement politely takes the very server that does not answer: cut the connection.
        watchdog = asyncio.get_running_loop().call_at(deadline, driver.terminate)
        try:
            result = await work(session)
            await session.commit()
        except Exception as error:
            if self._note_failure(error) in _CUT_CONNECTION:
                driver.terminate()
            raise
        else:
            self.answered += 1
            return result
        finally:
            await session.close()
            watchdog.cancel()

    def _note_failure(self, error: BaseException) -> Failure | None:
        failure = classify(error)
        if failure is not None:
            self._suspected = time.monotonic()
            _FAILURES.labels(failure.value).inc()
        return failure

    def _check_connection(self, dbapi_connection: Any, record: Any, _proxy: Any) -> None:
        """Ask a pooled connection for a sign of life unless it gave one just now.

        SQLAlchemy's own pre-ping has no time limit of its own and asks on every use.
        """
        driver: asyncpg.Connection = dbapi_connection.driver_connection
        if driver.is_closed():
            raise sqlalchemy.exc.DisconnectionError("the connection was closed")
        # SQLAlchemy clears `info` when it connects anew.
        alive_at: float = record.info.setdefault("alive_at", time.monotonic())
        trusted = alive_at > self._suspected and time.monotonic() - alive_at < _TRUST_SECONDS
        if trusted and not _always_verify.get():
            return
        try:
            dbapi_connection.run_async(
                lambda connection: connection.fetchval("SELECT 1", timeout=self._settings.connect_timeout)
            )
        except BaseException as error:
            driver.terminate()
            if not isinstance(error, Exception):
                raise
            raise sqlalchemy.exc.DisconnectionError("the connection gave no sign of life") from error


def _raise_unavailable(error: Exception) -> None:
    failure = classify(error)
    if failure is not None and not isinstance(error, DatabaseUnavailableError):
        raise DatabaseUnavailableError(failure) from error


def _note_time(_dbapi_connection: Any, record: Any) -> None:
    record.info["alive_at"] = time.monotonic()
