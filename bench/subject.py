"""What is measured: Storefronts for production, of which only the domain is given."""

from __future__ import annotations

from typing import Any

from storefront_operator.api import GROUP_VERSION, KIND


def storefront(name: str) -> dict[str, Any]:
    """The manifest of a production Storefront."""
    return {
        "apiVersion": GROUP_VERSION,
        "kind": KIND,
        "metadata": {"name": name},
        "spec": {"domain": f"{name}.example.com"},
    }


def names(prefix: str, count: int) -> list[str]:
    """Names of that many Storefronts, all of the same length."""
    return [f"{prefix}-{number:04}" for number in range(count)]
