"""Opening connections so that the death of either end is noticed within seconds.

TCP alone waits many minutes for a peer whose node lost power. Keep-alives find a dead peer of an idle connection,
TCP_USER_TIMEOUT one that never acknowledges what was sent (https://www.postgresql.org/docs/15/runtime-config-connection.html).
"""

import math
import socket

import asyncpg

from storefront_common.settings import DatabaseSettings

_PEER_TIMEOUT_MS = 5_000
_KEEPALIVE_IDLE_S = 5
_KEEPALIVE_INTERVAL_S = 1
_KEEPALIVE_COUNT = 3


async def connect(
    settings: DatabaseSettings, application: str, command_timeout: float | None
) -> asyncpg.Connection:
    """One new connection; the password is read afresh, so that a rotated one is used.

    Args:
        settings: where the database is.
        application: name under which PostgreSQL lists the connection.
        command_timeout: seconds for a statement, here and on the server; None: no limit.

    Raises:
        OSError, TimeoutError, asyncpg.PostgresError: the server cannot be reached or refuses.
    """
    connection = await asyncpg.connect(
        host=settings.host,
        port=settings.port,
        database=settings.name,
        user=settings.user,
        password=settings.password(),
        timeout=settings.connect_timeout,
        command_timeout=command_timeout,
        server_settings=_server_settings(application, command_timeout),
    )
    _watch_peer(connection)
    return connection


def _server_settings(application: str, command_timeout: float | None) -> dict[str, str]:
    """What the server does for us: it drops this client, and its locks, when the client is gone."""
    return {
        "application_name": application,
        "statement_timeout": str(math.ceil((command_timeout or 0) * 1000)),
        "idle_in_transaction_session_timeout": "30s",
        "tcp_user_timeout": str(_PEER_TIMEOUT_MS),
        "tcp_keepalives_idle": str(_KEEPALIVE_IDLE_S),
        "tcp_keepalives_interval": str(_KEEPALIVE_INTERVAL_S),
        "tcp_keepalives_count": str(_KEEPALIVE_COUNT),
        # Compiling a statement costs more than any of our short ones gains.
        "jit": "off",
    }


def _watch_peer(connection: asyncpg.Connection) -> None:
    # asyncpg has no public way to the socket, nor to socket options.
    peer = connection._transport.get_extra_info("socket")
    if peer is None or peer.family not in (socket.AF_INET, socket.AF_INET6):
        return
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", _KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", _KEEPALIVE_INTERVAL_S),
        ("TCP_KEEPCNT", _KEEPALIVE_COUNT),
        ("TCP_USER_TIMEOUT", _PEER_TIMEOUT_MS),
    ):
        if hasattr(socket, name):  # not every platform has them all
            peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
