"""Which errors say that the database is away, and which say that our statement is wrong."""

from enum import StrEnum
from http import HTTPStatus

import asyncpg
import sqlalchemy.exc

from storefront_common.problems import Problem
from storefront_common.settings import SecretUnreadableError


class Failure(StrEnum):
    """Why the database could not serve."""

    LOST = "lost"
    """Not reachable, or the connection broke: a new connection may work."""
    REFUSED = "refused"
    """It answers but does not let us in (yet): starting, credentials, too many connections."""
    READ_ONLY = "read_only"
    """It is a replica now: a new connection may reach the primary."""
    BUSY = "busy"
    """All connections of this replica are in use, or a statement took too long."""
    NO_SCHEMA = "no_schema"
    """The migration has not run yet."""


class DatabaseUnavailableError(Problem):
    """The database cannot serve this request now (503)."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The database is not available right now. Try again in a moment; "
            "repeat a write with the same Idempotency-Key.",
            headers={"Retry-After": "2"},
        )
        self.failure = failure


class MigrationError(Exception):
    """A migration could not be done; the message says why."""


_LOST = (OSError, asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError)
_REFUSED = (
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    SecretUnreadableError,
)


def classify(error: BaseException) -> Failure | None:
    """The failure behind `error`; None when the database itself is fine."""
    if isinstance(error, DatabaseUnavailableError):
        return error.failure
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return Failure.BUSY
    cause: BaseException | None = error
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        if error.connection_invalidated:
            return Failure.LOST
        cause = error.orig.__cause__ if error.orig is not None else None
    if isinstance(cause, _REFUSED):
        return Failure.REFUSED
    if isinstance(cause, asyncpg.ReadOnlySQLTransactionError):
        return Failure.READ_ONLY
    if isinstance(cause, asyncpg.QueryCanceledError | asyncpg.LockNotAvailableError):
        return Failure.BUSY
    if isinstance(cause, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError):
        return Failure.NO_SCHEMA
    if isinstance(cause, _LOST):
        return Failure.LOST
    if isinstance(cause, asyncpg.InterfaceError) and "clos" in str(cause):
        return Failure.LOST  # "connection is closed", "connection was closed in the middle of operation"
    return None
