"""Which service uses which store and which system outside of the platform, and where those are."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from storefront_operator.api import Storefront
from storefront_operator.components.external import is_external
from storefront_operator.objects import ChildKey

STORES_OF_SERVICES: Mapping[str, Sequence[str]] = {
    "user": ("postgres", "rabbitmq"),
    "product": ("postgres", "elasticsearch", "redis", "rabbitmq"),
    "order": ("postgres", "redis", "rabbitmq"),
    "payment": ("postgres", "rabbitmq"),
    "notification": ("rabbitmq",),
}
"""The stores that each service may use."""

STORE_PORTS = {"postgres": 5432, "rabbitmq": 5672, "redis": 6379, "elasticsearch": 9200}
"""Where each store serves its clients."""

_STORE_SERVICES = {"postgres": "postgres-rw", "redis": "redis-primary"}
"""The Service of a store that clients use, where it is not called like the store."""

SYSTEMS_OF_SERVICES: Mapping[str, Sequence[str]] = {
    "order": ("shipping",),
    "payment": ("payments",),
    "notification": ("email",),
}
"""The external systems, as spec.external calls them, that each service may use."""

BEHIND_THE_GATEWAY = ("user", "product", "order", "payment")
"""Services that take requests from outside, which the API gateway vouches for."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_IN_CLUSTER = re.compile(r"^[-a-z0-9]+\.(?P<namespace>[-a-z0-9]+)\.svc(\..+)?$")


def users_of(store: str) -> tuple[str, ...]:
    """The services that use a store."""
    return tuple(service for service, stores in STORES_OF_SERVICES.items() if store in stores)


def store_address(storefront: Storefront, store: str) -> tuple[str, int]:
    """Host and port at which services and Jobs find a store; of PostgreSQL and Redis, the primary."""
    spec = storefront.spec[store]
    if is_external(spec):
        return spec["external"]["host"], spec["external"].get("port", STORE_PORTS[store])
    return f"{_STORE_SERVICES.get(store, store)}.{storefront.namespace('data')}", STORE_PORTS[store]


def deployment_of(storefront: Storefront, service: str) -> ChildKey:
    """The workload of a service."""
    return ChildKey("Deployment", storefront.namespace("services"), service)


@dataclass(frozen=True)
class Place:
    """Where something outside of the platform's namespaces is, as far as a network policy can tell.

    `cidr` is given for an address, `namespace` for a Service of the cluster; a name that only DNS knows has neither.
    """

    port: int
    cidr: str | None = None
    namespace: str | None = None


def place(host: str, port: int) -> Place:
    """The place of a host name or IPv4 address."""
    try:
        return Place(port, cidr=f"{ipaddress.IPv4Address(host)}/32")
    except ValueError:
        in_cluster = _IN_CLUSTER.match(host)
        return Place(port, namespace=in_cluster["namespace"] if in_cluster else None)


def place_of_url(url: str) -> Place:
    """The place of the host that an http or https URL names."""
    parts = urlsplit(url)
    return place(parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme])


def keys_uri(provider: Mapping[str, Any]) -> str:
    """Where an identity provider publishes the keys of its tokens."""
    return provider.get("jwksUri") or f"{provider['issuer'].rstrip('/')}/.well-known/jwks.json"


def places_of_systems(external: Mapping[str, Any], service: str) -> list[Place]:
    """Where the external systems of a service are; those that spec.external does not name are left out."""
    found = [external[system] for system in SYSTEMS_OF_SERVICES.get(service, ()) if system in external]
    return [
        place_of_url(each["url"]) if "url" in each else place(each["host"], each["port"]) for each in found
    ]
