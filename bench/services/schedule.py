"""When requests are due. It runs in the cluster as well: nothing but the standard library."""

from __future__ import annotations

import random


def arrivals(rate: float, seconds: float, seed: int) -> list[float]:
    """Seconds, ascending, from 0 to below `seconds`, at which requests are due.

    These are the arrivals of a Poisson process, as many independent customers make them, given that there are exactly
    `rate` * `seconds`, rounded: then they are uniform (Ross, Introduction to Probability Models, theorem 5.2). So the
    number of requests is known beforehand, and the same seed gives the service and its peer the same moments.
    """
    dice = random.Random(seed)
    return sorted(dice.uniform(0, seconds) for _ in range(round(rate * seconds)))
