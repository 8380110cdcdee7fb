"""Stores that run elsewhere: nothing is rendered for them, and nothing of them can be observed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storefront_operator.components.base import Health, Reason


def is_external(store: Mapping[str, Any]) -> bool:
    """Whether a store's spec block names a store that somebody else runs."""
    return bool(store["mode"] == "External")


def external_health(store: Mapping[str, Any]) -> Health:
    """What is said about such a store: where it is."""
    external = store["external"]
    port = f":{external['port']}" if "port" in external else ""
    return Health(True, Reason.AS_DESIRED, f"runs elsewhere, at {external['host']}{port}")
