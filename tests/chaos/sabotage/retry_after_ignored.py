"""The API server's Retry-After is not listened to; the backoff is kept."""

from __future__ import annotations

from typing import Any

from storefront_operator.engine.queue import Queue

from tests.chaos.sabotage.patching import replace


def disable() -> None:
    """Leave out the least delay."""
    retry = Queue.retry

    def hasty(self: Any, key: str, at_least: float = 0.0) -> float:
        return retry(self, key)

    replace(Queue, "retry", hasty)
