"""Events that `kubectl describe storefront` shows. Telling about a change never delays it."""

from __future__ import annotations

import asyncio
import datetime
import secrets
from typing import Any

import structlog

from storefront_operator.client import ApiError, ApiUnavailableError, Client
from storefront_operator.client.resources import EVENTS

log = structlog.get_logger()

_NAMESPACE = "default"
"""Where Kubernetes keeps the events of cluster-scoped objects."""

_BACKLOG = 1000


class EventPoster:
    """Posts events in the background, in order; what exceeds the backlog or cannot be posted is logged instead."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(_BACKLOG)

    def tell(self, name: str, uid: str, *, reason: str, message: str, warning: bool) -> None:
        """Tell about a Storefront."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{name}.{secrets.token_hex(8)}", "namespace": _NAMESPACE},
            "involvedObject": {
                "apiVersion": "storefront.dev/v1alpha1",
                "kind": "Storefront",
                "name": name,
                "uid": uid,
            },
            "reason": reason,
            "message": message[:1024],
            "type": "Warning" if warning else "Normal",
            "source": {"component": "storefront-operator"},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            log.warning("event dropped", storefront=name, reason=reason, message=message)

    async def run(self) -> None:
        """Post until cancelled."""
        while True:
            event = await self._waiting.get()
            try:
                await self._client.create(EVENTS, event)
            except (ApiError, ApiUnavailableError) as error:
                name = event["involvedObject"]["name"]
                log.warning("event not posted", storefront=name, reason=event["reason"], error=str(error))
