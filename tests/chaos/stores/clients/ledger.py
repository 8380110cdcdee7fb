"""What a client of a store was told: one line of JSON for each acknowledged write, on a volume that outlives its node.

A line is `[time, key]` for a write and `[time, null, what]` for anything else worth knowing. Times are of the
monotonic clock, which all pods of one machine share. No number is ever tried twice: whether an attempt without an
answer has been stored is unknown, so it counts as nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

CONNECTIONS = 2
"""Of each client; there is one client on each of the three nodes."""
PAUSE = 0.1
"""Seconds between two writes of a connection: a load that three nodes on two cores carry while something is broken."""
PATIENCE = 1.0
"""Seconds until an attempt, to connect or to write, is given up and made anew."""

Write = Callable[[str], Awaitable[object]]
Connect = Callable[[], AbstractAsyncContextManager[Write]]


class Ledger:
    """The file of one store's client."""

    def __init__(self, store: str) -> None:
        # Unbuffered: a line that was written is there when this process is killed in the next moment.
        self._file = (Path("/ledger") / f"{store}.jsonl").open("ab", buffering=0)

    def acknowledged(self, key: str) -> None:
        """A write has been acknowledged just now."""
        self._file.write(f"{json.dumps([time.monotonic(), key])}\n".encode())

    def saw(self, what: str) -> None:
        """Something else was answered just now."""
        self._file.write(f"{json.dumps([time.monotonic(), None, what])}\n".encode())


async def write_for_ever(ledger: Ledger, connect: Connect) -> None:
    """Numbers on every connection, each its own; a connection that fails is made anew."""
    born = time.monotonic_ns()
    writers = (
        _write(ledger, connect, f"{os.environ['POD_NAME']}.{born}.{number}") for number in range(CONNECTIONS)
    )
    await asyncio.gather(*writers)


async def _write(ledger: Ledger, connect: Connect, stream: str) -> None:
    numbers = itertools.count()
    while True:
        try:
            async with connect() as write:
                for number in numbers:
                    key = f"{stream}.{number}"
                    async with asyncio.timeout(PATIENCE):
                        await write(key)
                    ledger.acknowledged(key)
                    await asyncio.sleep(PAUSE)
        except Exception as error:  # whatever a library makes of a fault, the answer is to connect again
            print(f"{time.monotonic():.2f} {stream}: {type(error).__name__}: {error}", flush=True)
            await asyncio.sleep(PAUSE)


def password(user: str) -> str:
    """The password of one of the users in this pod's Secret."""
    return (Path("/credentials") / user).read_text()


def run(
    write: Callable[[], Awaitable[None]],
    read: Callable[[], Awaitable[None]],
    remove: Callable[[str], Awaitable[str]],
) -> None:
    """The command line of each program: `write` for ever; `read` prints all that is stored, a key a line;
    `remove KEY` removes one record behind everybody's back and prints which.
    """

    async def removed(key: str) -> None:
        print(await remove(key))

    match sys.argv[1:]:
        case ["write"]:
            asyncio.run(_awaited(write()))
        case ["read"]:
            asyncio.run(_awaited(read()))
        case ["remove", key]:
            asyncio.run(removed(key))
        case _:
            sys.exit("usage: write | read | remove KEY")


async def _awaited(work: Awaitable[None]) -> None:
    await work
