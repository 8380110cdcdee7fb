"""A collector of traces that takes everything and keeps nothing: OTLP over HTTP, as an ASGI application."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

_received = {"exports": 0, "bytes": 0}


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Take an export; `GET` tells as JSON how many came, of how many bytes."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    if scope["method"] == "POST":
        _received["exports"] += 1
        _received["bytes"] += size
        kind, body = b"application/x-protobuf", b""
    else:
        kind, body = b"application/json", json.dumps(_received).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    await send({"type": "http.response.body", "body": body})
