"""Waiting for a condition, with a time limit and a reason when it does not come true."""

import time
from collections.abc import Callable

from storefront_dev.errors import ClusterError


def until(
    condition: Callable[[], bool],
    what: str,
    *,
    seconds: float,
    every: float = 0.1,
    detail: Callable[[], str] = lambda: "",
) -> None:
    """Return as soon as `condition` holds; raise ClusterError naming `what` after `seconds`.

    `detail` is asked once, on failure, for what helps to find the cause (the end of a log, say).
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ClusterError(f"waited {seconds:g} s in vain: {what}\n{detail()}".rstrip())
        time.sleep(every)
