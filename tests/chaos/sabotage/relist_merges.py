"""A list after a 410 is merged into the cache instead of replacing it."""

from __future__ import annotations

from typing import Any

from storefront_operator.engine.informer import Informer

from tests.chaos.sabotage.patching import replace


def disable() -> None:
    """Keep in the cache what a list no longer shows."""

    def merge(self: Any, children: Any) -> None:
        for child in children:
            self._put(child, notify=True)

    replace(Informer, "_replace", merge)
