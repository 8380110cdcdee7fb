"""The life of a Storefront: every event goes to the engine, a deletion waits for the teardown."""

from __future__ import annotations

from typing import Any

import kopf

from storefront_operator.engine.engine import Engine

STOREFRONTS = ("storefront.dev", "v1alpha1", "storefronts")


def register(registry: kopf.OperatorRegistry, engine: Engine) -> None:
    """Declare the handlers on a registry."""

    @kopf.on.event(*STOREFRONTS, registry=registry)
    async def changed(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's name
        if type == "DELETED":
            engine.gone(body["metadata"]["name"])
        else:
            engine.seen(_plain(body))

    @kopf.on.delete(*STOREFRONTS, registry=registry)
    async def deleted(body: kopf.Body, **_: Any) -> None:
        await engine.torn_down(_plain(body))


def _plain(body: kopf.Body) -> dict[str, Any]:
    """kopf's body is a live view; the engine keeps a copy."""
    plain: dict[str, Any] = _copied(body)
    return plain


def _copied(value: Any) -> Any:
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if hasattr(value, "items"):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value]
