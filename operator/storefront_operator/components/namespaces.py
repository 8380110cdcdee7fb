"""One namespace per layer of the platform."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storefront_operator.api import LAYERS, Storefront
from storefront_operator.components.base import Component, Health, Reason
from storefront_operator.objects import Observed


class Namespaces(Component):
    """The namespaces, all with pod security level `restricted`."""

    name = "namespaces"
    condition = "NamespacesReady"

    def context(self, storefront: Storefront, observed: Observed) -> Mapping[str, Any]:
        return {}

    def health(self, storefront: Storefront, observed: Observed) -> Health:
        for layer in LAYERS:
            name = storefront.namespace(layer)
            child = observed.get("Namespace", "", name)
            if child is None:
                return Health(False, Reason.PROVISIONING, f"Namespace {name} is not created yet", True)
            if child.deleting:
                return Health(
                    False,
                    Reason.PROVISIONING,
                    f"Namespace {name} is still being deleted; it is created again once it is gone",
                    True,
                )
        return Health(True, Reason.AS_DESIRED, f"{len(LAYERS)} namespaces")
