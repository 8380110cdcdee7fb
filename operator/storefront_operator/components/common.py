"""The context that every component's templates share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from storefront_operator import __version__
from storefront_operator.api import LAYERS, Storefront

DEFAULT_REGISTRY = "storefront.local"
REGISTRY_VARIABLE = "STOREFRONT_IMAGE_REGISTRY"
"""Environment variable with the registry of the operator's own image; the chart sets it."""


def image_reference(storefront: Storefront, image: str) -> str:
    """Full reference of an image: an override, or registry, name and tag."""
    images = storefront.spec["images"]
    override: str | None = images["overrides"].get(image)
    if override:
        return override
    registry = images.get("registry") or os.environ.get(REGISTRY_VARIABLE) or DEFAULT_REGISTRY
    return f"{registry}/{image}:{images.get('tag') or __version__}"


def common_context(storefront: Storefront, component: str) -> dict[str, Any]:
    """Names, namespaces, images and labels for the templates of one component."""
    selector = {
        "app.kubernetes.io/name": component,
        "app.kubernetes.io/instance": storefront.name,
    }
    images = storefront.spec["images"]
    return {
        "storefront": storefront.name,
        "domain": storefront.spec["domain"],
        "component": component,
        "namespaces": {layer: storefront.namespace(layer) for layer in LAYERS},
        "selector": selector,
        "pod_labels": {
            **selector,
            "app.kubernetes.io/part-of": "storefront",
            "app.kubernetes.io/component": component,
            "storefront.dev/name": storefront.name,
        },
        "pull_policy": images["pullPolicy"],
        "pull_secrets": images["pullSecrets"],
    }


def merged_env(base: Mapping[str, str], workload: Mapping[str, Any]) -> list[dict[str, str]]:
    """Environment of a main container; the user's variables win, no name appears twice."""
    values = {**base, **{entry["name"]: entry["value"] for entry in workload.get("extraEnv", ())}}
    return [{"name": name, "value": value} for name, value in values.items()]
