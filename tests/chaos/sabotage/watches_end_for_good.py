"""A watch that has ended is not opened again."""

from __future__ import annotations

import asyncio
from typing import Any

from storefront_operator.engine.informer import Informer

from tests.chaos.sabotage.patching import replace


def disable() -> None:
    """Watch once, then never come back."""
    watch = Informer._watch

    async def once(self: Any, version: str) -> str:
        try:
            await watch(self, version)
        finally:
            await asyncio.Event().wait()
        return version

    replace(Informer, "_watch", once)
