"""Workers, as a serving process runs them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from prometheus_client import REGISTRY
from storefront_common.workers import Worker


@contextlib.asynccontextmanager
async def running(*workers: Worker) -> AsyncIterator[list[asyncio.Task[None]]]:
    """The workers run inside of the block, and finish what they have in hand at its end; none may have crashed."""
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    crashes = [result for result in results if isinstance(result, Exception)]
    assert not crashes, crashes


def metric(name: str, **labels: str) -> float:
    """The present value of a metric; 0 when nothing was ever counted."""
    return REGISTRY.get_sample_value(name, labels) or 0.0
