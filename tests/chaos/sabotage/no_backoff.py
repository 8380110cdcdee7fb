"""What fails is tried again at once."""

from __future__ import annotations

from typing import Any

from storefront_operator.engine.queue import Queue

from tests.chaos.sabotage.patching import replace


def disable() -> None:
    """Retry after 20 ms."""

    def retry(self: Any, key: str, at_least: float = 0.0) -> float:
        self.add_after(key, 0.02)
        return 0.02

    replace(Queue, "retry", retry)
