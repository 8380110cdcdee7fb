"""Wait for a condition; say what was missing when it does not come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


class NeverHappenedError(AssertionError):
    """A condition has not come true in time."""


def eventually(
    condition: Callable[[], Any],
    what: str,
    seconds: float,
    detail: Callable[[], Any] = lambda: "",
    interval: float = 0.05,
) -> Any:
    """The first true value of `condition`; raises `NeverHappenedError` with what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise NeverHappenedError(f"not within {seconds:.0f} s: {what}\n{detail()}".rstrip())
        time.sleep(interval)
