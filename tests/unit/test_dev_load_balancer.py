"""Which addresses a load balancer forwards to."""

from typing import Any, cast

import pytest
from lightkube import AsyncClient, codecs
from lightkube.models.core_v1 import ServicePort
from lightkube.resources.core_v1 import Service
from lightkube.resources.discovery_v1 import EndpointSlice
from storefront_dev.agent.load_balancer import LoadBalancer

WEB = ("shop", "web")
HTTP = ServicePort(port=80, name="http")


@pytest.fixture
def balancer() -> LoadBalancer:
    """One that watches nothing: what it knows is put in by the test."""
    return LoadBalancer(cast(AsyncClient, None))


def endpoint(address: str, **conditions: bool) -> dict[str, Any]:
    return {"addresses": [address], "conditions": conditions}


def learn(balancer: LoadBalancer, name: str, endpoints: list[dict[str, Any]], service: str = "web") -> None:
    """The balancer hears of an EndpointSlice with the ports http (8080) and metrics (9113)."""
    document = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "addressType": "IPv4",
        "metadata": {"name": name, "namespace": "shop", "labels": {"kubernetes.io/service-name": service}},
        "ports": [{"name": "http", "port": 8080}, {"name": "metrics", "port": 9113}],
        "endpoints": endpoints,
    }
    balancer._slices.objects["shop", name] = cast(EndpointSlice, codecs.from_dict(document))


def service(name: str, created: str, kind: str = "LoadBalancer", hosts: str = "") -> Service:
    document = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "creationTimestamp": created,
            "annotations": {"external-dns.alpha.kubernetes.io/hostname": hosts},
        },
        "spec": {"type": kind, "ports": [{"port": 80}]},
    }
    return cast(Service, codecs.from_dict(document))


def test_ready_endpoints_of_every_slice_at_the_port_of_that_name(balancer: LoadBalancer) -> None:
    learn(balancer, "web-1", [endpoint("10.0.0.1", ready=True), endpoint("10.0.0.2", ready=False)])
    learn(balancer, "web-2", [endpoint("10.0.0.3")])
    learn(balancer, "other", [endpoint("10.0.0.4", ready=True)], service="other")
    assert balancer._backends(WEB, HTTP) == [("10.0.0.1", 8080), ("10.0.0.3", 8080)]


def test_those_that_end_but_still_serve_are_better_than_none(balancer: LoadBalancer) -> None:
    ending = endpoint("10.0.0.1", ready=False, serving=True, terminating=True)
    learn(balancer, "web-1", [ending, endpoint("10.0.0.2", ready=False, serving=False)])
    assert balancer._backends(WEB, HTTP) == [("10.0.0.1", 8080)]
    learn(balancer, "web-2", [endpoint("10.0.0.3", ready=True)])
    assert balancer._backends(WEB, HTTP) == [("10.0.0.3", 8080)]


def test_a_host_stays_with_the_oldest_service_that_claims_it(balancer: LoadBalancer) -> None:
    balancer._services.objects = {
        ("shop", "a-newer"): service("a-newer", "2026-01-02T00:00:00Z", hosts="shop.localhost"),
        ("shop", "b-older"): service("b-older", "2026-01-01T00:00:00Z", hosts="shop.localhost, x.localhost"),
        ("shop", "internal"): service("internal", "2025-01-01T00:00:00Z", "ClusterIP", "shop.localhost"),
    }
    assert list(balancer._claims()) == [
        ("shop.localhost", ("shop", "b-older")),
        ("x.localhost", ("shop", "b-older")),
        ("shop.localhost", ("shop", "a-newer")),
    ]
