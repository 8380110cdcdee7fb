"""Opening connections so that the death of either end is noticed within seconds.

The server has settings for its side (https://www.postgresql.org/docs/15/runtime-config-connection.html).
"""

import asyncio
import math

import asyncpg

from storefront_common import peers
from storefront_common.settings import DatabaseSettings

_MOST_PATIENCE = 8.0
"""Seconds that an attempt may take at most, with a server that is alive but slow."""


class Connector:
    """Opens the connections of a pool, such that a server or a machine that is slow is not made slower.

    Who gives up waiting for a connection leaves it to the next: it is made to the end. And attempts that a living
    server has not answered in time are given more of it, else every one of them could be in vain for as long as others
    are made.
    """

    def __init__(self, settings: DatabaseSettings, application: str) -> None:
        self._settings = settings
        self._application = application
        self._patience = settings.connect_timeout
        self._left: list[asyncio.Task[asyncpg.Connection]] = []

    async def connect(self) -> asyncpg.Connection:
        """A connection: one that was left by somebody else, or a new one. Errors are those of `connect`."""
        task = self._take() or asyncio.create_task(self._attempt())
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_retrieve)
            self._left.append(task)
            raise

    async def close(self) -> None:
        """Close the connections that nobody took."""
        for task in self._left:
            task.cancel()
        for outcome in await asyncio.gather(*self._left, return_exceptions=True):
            if isinstance(outcome, asyncpg.Connection):
                outcome.terminate()
        self._left.clear()

    def _take(self) -> asyncio.Task[asyncpg.Connection] | None:
        while self._left:
            task = self._left.pop()
            if not task.done() or (_retrieve(task) is None and not task.result().is_closed()):
                return task
        return None

    async def _attempt(self) -> asyncpg.Connection:
        try:
            connection = await connect(
                self._settings,
                self._application,
                command_timeout=self._settings.command_timeout,
                patience=self._patience,
            )
        except TimeoutError:
            slow = await self._accepts()
            self._patience = (
                min(2 * self._patience, _MOST_PATIENCE) if slow else self._settings.connect_timeout
            )
            raise
        self._patience = self._settings.connect_timeout
        return connection

    async def _accepts(self) -> bool:
        """Whether anybody is there: the kernel of a machine that is slow still accepts connections at once."""
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                _, writer = await asyncio.open_connection(self._settings.host, self._settings.port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True


def _retrieve(task: asyncio.Task[asyncpg.Connection]) -> BaseException | None:
    """The error of an attempt that has ended; asked for, so that asyncio does not report it as lost."""
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def connect(
    settings: DatabaseSettings, application: str, *, command_timeout: float | None, patience: float
) -> asyncpg.Connection:
    """One new connection; the password is read afresh, so that a rotated one is used.

    Args:
        settings: where the database is.
        application: name under which PostgreSQL lists the connection.
        command_timeout: seconds for a statement, here and on the server; None: no limit.
        patience: seconds for the attempt.

    Raises:
        OSError, TimeoutError, asyncpg.PostgresError: the server cannot be reached or refuses.
    """
    connection = await asyncpg.connect(
        host=settings.host,
        port=settings.port,
        database=settings.name,
        user=settings.user,
        password=settings.password(),
        timeout=patience,
        command_timeout=command_timeout,
        server_settings=_server_settings(application, command_timeout),
    )
    # asyncpg has no public way to the socket, nor to socket options.
    peers.watch(connection._transport.get_extra_info("socket"))
    return connection


def _server_settings(application: str, command_timeout: float | None) -> dict[str, str]:
    """What the server does for us: it drops this client, and its locks, when the client is gone."""
    return {
        "application_name": application,
        "statement_timeout": str(math.ceil((command_timeout or 0) * 1000)),
        "idle_in_transaction_session_timeout": "30s",
        "tcp_user_timeout": str(peers.TIMEOUT_MS),
        "tcp_keepalives_idle": str(peers.KEEPALIVE_IDLE_S),
        "tcp_keepalives_interval": str(peers.KEEPALIVE_INTERVAL_S),
        "tcp_keepalives_count": str(peers.KEEPALIVE_COUNT),
        # Compiling a statement costs more than any of our short ones gains.
        "jit": "off",
    }
