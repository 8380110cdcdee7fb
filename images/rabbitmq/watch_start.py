#!/usr/bin/env python3
"""Ends a RabbitMQ server whose start hangs although all its peers serve, so that its container starts anew.

RabbitMQ before 3.10.9 on Erlang 25.1 or newer may wait for ever for a peer that reconnected while it started
(https://github.com/rabbitmq/rabbitmq-server/issues/6034). Every attempt of a pod is given twice the time of the one
before: a member that merely needs long, say for a large store of messages, gets there in the end.
"""

import argparse
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PATIENCE = 90.0
"""Seconds of the first attempt; with all peers there a start takes 10 to 30."""
_PAUSE = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Watch until the server serves, or end it."""
    parser = argparse.ArgumentParser(description="End a RabbitMQ server whose start hangs.")
    parser.add_argument("--pid", type=int, required=True, help="of the server")
    parser.add_argument("--own", required=True, help="host name of this member")
    parser.add_argument("--peers", nargs="*", default=[], help="host names of all members")
    parser.add_argument("--port", type=int, default=5672, help="on which a member serves once it has started")
    parser.add_argument("--attempts", type=Path, required=True, help="a file that lives as long as the pod")
    parser.add_argument("--patience", type=float, default=PATIENCE, help="seconds of the first attempt")
    given = parser.parse_args(arguments)
    peers = [peer for peer in given.peers if peer != given.own]
    attempts = int(given.attempts.read_text()) if given.attempts.exists() else 0
    if not peers or not _hangs(given.own, peers, given.port, given.patience * 2**attempts):
        return 0
    given.attempts.write_text(str(attempts + 1))
    print("watch-start: does not serve while all peers do; it is started anew", flush=True)
    os.kill(given.pid, signal.SIGKILL)
    return 1


def _hangs(own: str, peers: Sequence[str], port: int, patience: float) -> bool:
    """False once the server serves; True when it does not although all peers have served for `patience` seconds."""
    since = time.monotonic()
    while not _serves(own, port):
        if not all(_serves(peer, port) for peer in peers):
            since = time.monotonic()
        elif time.monotonic() - since > patience:
            return True
        time.sleep(min(_PAUSE, patience / 4))
    return False


def _serves(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
