"""The process ends when the API server does not answer, and leaves it to Kubernetes to start it again."""

from __future__ import annotations

import os
from typing import Any

from storefront_operator.client import ApiUnavailableError
from storefront_operator.engine.informer import Informer

from tests.chaos.sabotage.patching import replace


def disable() -> None:
    """End at the first watch that cannot be opened."""
    watch = Informer._watch

    async def impatient(self: Any, version: str) -> str:
        try:
            return await watch(self, version)
        except ApiUnavailableError:
            os._exit(1)

    replace(Informer, "_watch", impatient)
