"""Asking a server the same question again and again, in a thread of its own, so that a dead one blocks nobody."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from storefront_redis.connection import Connection, ServerError

T = TypeVar("T")


class Polled(Generic[T]):
    """Keeps the latest answer of one server, and when it came."""

    def __init__(self, connection: Connection, question: Callable[[Connection], T], period: float) -> None:
        self._connection = connection
        self._question = question
        self._period = period
        self._latest: tuple[float, T] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Ask every `period` seconds until the program ends."""
        self._thread.start()

    def answer(self, max_age: float) -> T | None:
        """The latest answer, unless it is older than so many seconds."""
        latest = self._latest
        return latest[1] if latest and time.monotonic() - latest[0] <= max_age else None

    def _run(self) -> None:
        while True:
            asked = time.monotonic()
            with contextlib.suppress(OSError, ServerError, ValueError, LookupError):
                # As old as the question: the answer may have been on its way for a while.
                self._latest = (asked, self._question(self._connection))
            time.sleep(self._period)
