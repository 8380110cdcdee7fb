"""The life of a Storefront: every event goes to the engine, a deletion waits for the teardown."""

from __future__ import annotations

from typing import Any

import kopf

from storefront_operator.engine.engine import Engine

STOREFRONTS = ("storefront.dev", "v1alpha1", "storefronts")


def register(registry: kopf.OperatorRegistry, engine: Engine) -> None:
    """Declare the handlers on a registry.

    kopf's body is a view that changes with later events; the engine gets the state of this one.
    """

    @kopf.on.event(*STOREFRONTS, registry=registry)
    async def changed(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's name
        if type == "DELETED":
            engine.gone(body["metadata"]["name"])
        else:
            engine.seen(dict(body))

    @kopf.on.delete(*STOREFRONTS, registry=registry)
    async def deleted(body: kopf.Body, **_: Any) -> None:
        await engine.torn_down(dict(body))
