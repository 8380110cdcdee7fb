"""Events that `kubectl describe storefront` shows."""

from __future__ import annotations

import datetime
import secrets

import structlog

from storefront_operator.client import ApiError, ApiUnavailableError, Client
from storefront_operator.client.resources import EVENTS

log = structlog.get_logger()

_NAMESPACE = "default"
"""Where Kubernetes keeps the events of cluster-scoped objects."""


async def post_event(
    client: Client, name: str, uid: str, *, reason: str, message: str, warning: bool
) -> None:
    """Tell about a transition; an event that cannot be posted is logged and forgotten."""
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
        await client.create(EVENTS, event)
    except (ApiError, ApiUnavailableError) as error:
        log.warning("event not posted", storefront=name, reason=reason, error=str(error))
