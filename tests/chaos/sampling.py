"""How much of the suite runs: `CHAOS=full` is every case, `CHAOS=sample` (the default) a rotating part."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable

MODE = os.environ.get("CHAOS", "sample")
if MODE not in ("sample", "full"):
    raise ValueError(f"CHAOS is {MODE!r}; allowed: sample, full")

FULL = MODE == "full"
OFFSET = int(os.environ.get("CHAOS_OFFSET") or datetime.datetime.now(datetime.UTC).timetuple().tm_yday)
"""Rotates with the day, so that ten days see every case; CHAOS_OFFSET repeats a day."""

STEP = 10


def chosen(numbers: Iterable[int], step: int = STEP) -> list[int]:
    """All numbers, or every tenth (or `step`th) from the day's offset on."""
    return [n for n in numbers if FULL or n % step == OFFSET % step]


def size(full: int, sample: int) -> int:
    """One number for each mode."""
    return full if FULL else sample
