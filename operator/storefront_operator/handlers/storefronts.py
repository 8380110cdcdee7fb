"""What kopf sees of Storefronts goes to the engine.

The finalizer is the engine's, not a `kopf.on.delete` handler's: kopf gives up a finalizer patch that is refused
(a conflict, a throttled request) until the object changes again, and the Storefront would stay unseen or undeletable.
"""

from __future__ import annotations

import asyncio
from typing import Any

import kopf

from storefront_operator.engine.engine import Engine

STOREFRONTS = ("storefront.dev", "v1alpha1", "storefronts")


def register(registry: kopf.OperatorRegistry, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
    """Declare the handlers on a registry. kopf runs in a thread of its own, the engine in `loop`."""

    @kopf.on.event(*STOREFRONTS, registry=registry)
    async def changed(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's name
        if type == "DELETED":
            loop.call_soon_threadsafe(engine.gone, _plain(body))
        else:
            loop.call_soon_threadsafe(engine.seen, _plain(body))


def _plain(body: kopf.Body) -> dict[str, Any]:
    """The state of this event: kopf's body is a view that changes with later ones. `managedFields` are left out."""
    metadata = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return {**body, "metadata": metadata}
