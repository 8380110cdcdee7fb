"""The API gateway: Envoy between NGINX and the services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from storefront_operator.api import Storefront
from storefront_operator.components.base import Component, Health
from storefront_operator.components.common import image_reference, merged_env
from storefront_operator.components.connections import keys_uri
from storefront_operator.components.gateway_credential import SECRET, gateway_deployment, used_credential
from storefront_operator.components.workloads import workload_health
from storefront_operator.objects import Observed

ROUTES: Mapping[str, tuple[str, ...]] = {
    "user": ("/api/users",),
    "product": ("/api/products", "/api/categories", "/api/search", "/api/inventory"),
    "order": ("/api/carts", "/api/cart", "/api/orders", "/api/shipping-quotes"),
    "payment": ("/api/payments",),
}
"""The paths that each service answers, and everything below them."""


class Gateway(Component):
    """Routes the API to the services, checks tokens, and tells the services whose they are."""

    name = "gateway"
    condition = "GatewayReady"

    def context(self, storefront: Storefront, observed: Observed) -> Mapping[str, Any]:
        spec = storefront.spec["gateway"]
        provider = storefront.spec["external"].get("identityProvider")
        return {
            "workload": spec,
            "image": image_reference(storefront, "envoy"),
            "env": merged_env({}, spec),
            "routes": ROUTES,
            "credential_secret": SECRET,
            "credential": used_credential(storefront, observed),
            "identity": provider and identity_context(provider),
        }

    def health(self, storefront: Storefront, observed: Observed) -> Health:
        key = gateway_deployment(storefront)
        return workload_health(observed, key.kind, key.namespace, key.name)


def identity_context(provider: Mapping[str, Any]) -> Mapping[str, Any]:
    """How tokens of an identity provider are checked. Without one everybody is anonymous."""
    uri = keys_uri(provider)
    keys = urlsplit(uri)
    tls = keys.scheme == "https"
    return {
        "issuer": provider["issuer"],
        "audience": provider["audience"],
        "jwks_uri": uri,
        "host": keys.hostname,
        "port": keys.port or (443 if tls else 80),
        "tls": tls,
    }
