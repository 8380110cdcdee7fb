"""Noticing within seconds that the other end of a TCP connection is gone.

TCP alone waits many minutes for a peer whose node lost power. Keep-alives find a dead peer of an idle connection,
TCP_USER_TIMEOUT one that never acknowledges what was sent (https://man7.org/linux/man-pages/man7/tcp.7.html).
"""

import socket
from typing import Any

TIMEOUT_MS = 5_000
KEEPALIVE_IDLE_S = 5
KEEPALIVE_INTERVAL_S = 1
KEEPALIVE_COUNT = 3


def watch(connection: Any) -> None:
    """Have the kernel break `connection`, a socket or asyncio's stand-in for one, soon after its peer is gone."""
    if connection is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_S),
        ("TCP_KEEPCNT", KEEPALIVE_COUNT),
        ("TCP_USER_TIMEOUT", TIMEOUT_MS),
    ):
        if hasattr(socket, name):  # not every platform has them all
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
