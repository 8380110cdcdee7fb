"""Which connections are allowed: everything else is denied."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from storefront_operator.api import LAYERS, Storefront
from storefront_operator.components.base import Component, Health, Reason
from storefront_operator.components.connections import (
    BEHIND_THE_GATEWAY,
    STORE_PORTS,
    STORES_OF_SERVICES,
    keys_uri,
    place,
    place_of_url,
    places_of_systems,
    users_of,
)
from storefront_operator.components.external import is_external
from storefront_operator.objects import Observed

OPERATOR_NAMESPACE_VARIABLE = "STOREFRONT_OPERATOR_NAMESPACE"
"""Environment variable with the namespace of the operator's own pods; the chart sets it."""

API_PORTS_VARIABLE = "STOREFRONT_API_SERVER_PORTS"
"""Environment variable with the ports of the Kubernetes API, separated by commas; the chart sets it."""

DEFAULT_API_PORTS = (443, 6443)
"""The Service's port, and that of API servers themselves: where one evaluates policies decides which it sees."""

DEFAULT_DENY = "default-deny"


class NetworkPolicies(Component):
    """Default deny in every namespace, and the connections between the components."""

    name = "network-policies"
    condition = "NetworkPoliciesReady"

    def context(self, storefront: Storefront, observed: Observed) -> Mapping[str, Any]:
        spec = storefront.spec
        provider = spec["external"].get("identityProvider")
        return {
            "enabled": spec["networkPolicy"]["enabled"],
            "services": STORES_OF_SERVICES,
            "stores": {name: _store(spec[name], port) for name, port in STORE_PORTS.items()},
            "systems": {
                name: [asdict(where) for where in places_of_systems(spec["external"], name)]
                for name in STORES_OF_SERVICES
            },
            "behind_the_gateway": BEHIND_THE_GATEWAY,
            "identity_provider": provider and asdict(place_of_url(keys_uri(provider))),
            "clients": {store: users_of(store) for store in STORE_PORTS},
            "api_ports": list(api_ports()),
            "operator_namespace": os.environ.get(OPERATOR_NAMESPACE_VARIABLE) or None,
            "platform_namespace": f"{storefront.name}-platform",
        }

    def health(self, storefront: Storefront, observed: Observed) -> Health:
        if not storefront.spec["networkPolicy"]["enabled"]:
            return Health(True, Reason.AS_DESIRED, "none, as spec.networkPolicy.enabled is false")
        namespaces = [storefront.namespace(layer) for layer in LAYERS]
        for namespace in namespaces:
            if observed.get("NetworkPolicy", namespace, DEFAULT_DENY) is None:
                where = f"NetworkPolicy {namespace}/{DEFAULT_DENY}"
                return Health(False, Reason.PROVISIONING, f"{where} is not created yet", True)
        count = sum(len(list(observed.of_kind("NetworkPolicy", namespace))) for namespace in namespaces)
        return Health(
            True, Reason.AS_DESIRED, f"{count} policies, in force if the cluster's network enforces policies"
        )


def api_ports() -> Sequence[int]:
    """Ports at which pods reach the Kubernetes API. Raises ValueError when the environment says nonsense."""
    text = os.environ.get(API_PORTS_VARIABLE)
    if not text:
        return DEFAULT_API_PORTS
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and 0 < int(part) <= 65535 for part in parts):
        raise ValueError(
            f"{API_PORTS_VARIABLE} is {text!r}; allowed: ports from 1 to 65535 with commas between"
        )
    return tuple(int(part) for part in parts)


def _store(spec: Mapping[str, Any], port: int) -> Mapping[str, Any]:
    """How a store is reached; `place` is where an external one is."""
    if not is_external(spec):
        return {"managed": True, "port": port}
    external = spec["external"]
    return {"managed": False, "place": asdict(place(external["host"], external.get("port", port)))}
