"""Wait for a condition; say what was missing when it does not come."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

_ENDLESS = 5
"""How many times its patience a wait takes at most."""


class NeverHappenedError(AssertionError):
    """A condition has not come true in time."""


def eventually(
    condition: Callable[[], Any],
    what: str,
    seconds: float,
    detail: Callable[[], Any] = lambda: "",
    interval: float = 0.05,
    still_for: Callable[[], float] = lambda: math.inf,
) -> Any:
    """The first true value of `condition`; raises `NeverHappenedError` with what was waited for.

    It is given up after `seconds`, but not while things move: `still_for` says for how many seconds nothing has.
    What moves without end is given up all the same.
    """
    began = time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        waited = time.monotonic() - began
        if waited > seconds and (still_for() > seconds or waited > _ENDLESS * seconds):
            raise NeverHappenedError(f"not within {waited:.0f} s: {what}\n{detail()}".rstrip())
        time.sleep(interval)
