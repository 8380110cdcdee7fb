"""Calls of the user service's API, as a customer's or an administrator's browser makes them."""

from __future__ import annotations

from typing import Any, NamedTuple

import aiohttp


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: Any
    headers: Any


async def call(
    api: aiohttp.ClientSession,
    method: str,
    path: str,
    who: dict[str, str] | None = None,
    json: Any = None,
    **headers: str,
) -> Answer:
    """The answer to `method /api/users<path>`; headers are given with underscores."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with api.request(
        method, f"/api/users{path}", json=json, headers={**(who or {}), **sent}
    ) as response:
        text = await response.text()
        body = await response.json(content_type=None) if text else None
        return Answer(response.status, body, response.headers)
