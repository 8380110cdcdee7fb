"""Wait for a condition."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


class NotInTimeError(Exception):
    """Something that a measurement waits for did not happen; the message says what."""


async def until(
    condition: Callable[[], Awaitable[bool]], what: str, *, seconds: float, every: float = 0.1
) -> None:
    """Return when `condition` holds, asked every `every` seconds. Raises `NotInTimeError`."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise NotInTimeError(f"not within {seconds:.0f} s: {what}")
        await asyncio.sleep(every)
