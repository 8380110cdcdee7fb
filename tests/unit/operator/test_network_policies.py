"""Which connections the policies of a Storefront allow: exactly those of the table below."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from storefront_dev.agent.isolation import Pod
from storefront_operator.api import Storefront, parse_storefront
from storefront_operator.components import COMPONENTS, context_of, render_component, render_storefront
from storefront_operator.components.base import Reason
from storefront_operator.components.network_policies import (
    API_PORTS_VARIABLE,
    OPERATOR_NAMESPACE_VARIABLE,
    api_ports,
)
from storefront_operator.engine.credentials import placeholders
from storefront_operator.engine.projection import project
from storefront_operator.objects import Child, Manifest, Observed

from tests.unit.policy_reference import Packet, allowed

COMPONENT = next(each for each in COMPONENTS if each.name == "network-policies")
OPERATOR = "storefront-system"
OURS = ("shop-edge", "shop-frontend", "shop-services", "shop-data")
INTERNET, API_SERVER = "198.51.100.7", "10.0.0.1"


def pod(number: int, namespace: str, name: str, component: str | None = None) -> Pod:
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/component": component or name}
    return Pod(f"10.1.0.{number}", "node", namespace, labels)


PODS = {
    "ingress": pod(1, "shop-edge", "ingress"),
    "gateway": pod(41, "shop-edge", "gateway"),
    "web": pod(2, "shop-frontend", "web-customer"),
    "product": pod(3, "shop-services", "product"),
    "migration": pod(4, "shop-services", "product-migrate", "product"),
    "user": pod(30, "shop-services", "user"),
    "user's migration": pod(31, "shop-services", "user-migrate", "user"),
    "order": pod(32, "shop-services", "order"),
    "order's migration": pod(33, "shop-services", "order-migrate", "order"),
    "payment": pod(34, "shop-services", "payment"),
    "payment's migration": pod(35, "shop-services", "payment-migrate", "payment"),
    "notification": pod(36, "shop-services", "notification"),
    "postgres": pod(5, "shop-data", "postgres"),
    "postgres'": pod(6, "shop-data", "postgres"),
    "provision": pod(7, "shop-data", "postgres-provision", "postgres"),
    "rabbitmq": pod(8, "shop-data", "rabbitmq"),
    "rabbitmq'": pod(9, "shop-data", "rabbitmq"),
    "definitions": pod(10, "shop-data", "rabbitmq-definitions", "rabbitmq"),
    "redis": pod(11, "shop-data", "redis"),
    "redis'": pod(12, "shop-data", "redis"),
    "sentinel": pod(13, "shop-data", "redis-sentinel", "redis"),
    "sentinel'": pod(14, "shop-data", "redis-sentinel", "redis"),
    "elasticsearch": pod(15, "shop-data", "elasticsearch"),
    "elasticsearch'": pod(16, "shop-data", "elasticsearch"),
    "setup": pod(24, "shop-data", "elasticsearch-setup", "elasticsearch"),
    "operator": pod(17, OPERATOR, "storefront-operator"),
    "beside the operator": pod(18, OPERATOR, "other"),
    "prometheus": pod(19, "shop-platform", "prometheus"),
    "stranger in data": pod(20, "shop-data", "stranger"),
    "stranger in services": pod(21, "shop-services", "stranger"),
    "another shop's product": pod(22, "rival-services", "product"),
    "dns": pod(23, "kube-system", "coredns"),
    "stand-in": pod(40, "standins", "payments"),
}
NAMESPACES = {
    name: {"kubernetes.io/metadata.name": name} for name in {each.namespace for each in PODS.values()}
}
CLIENT_PORTS = (22, 53, 80, 443, 5432, 5672, 6379, 6443, 8080, 8443, 9200)
PEER_PORTS = (4369, 8008, 9090, 9113, 9121, 9300, 15672, 15692, 25672, 26379)
PORTS = CLIENT_PORTS + PEER_PORTS

USES_API = {"postgres", "postgres'", "sentinel", "sentinel'"}

DATABASE_CLIENTS = (
    "user",
    "user's migration",
    "order",
    "order's migration",
    "payment",
    "payment's migration",
)

# From, to, ports. The prime is another member of the same store.
CONNECTIONS = [
    ("ingress", "web", {8080}),
    ("ingress", "gateway", {8080}),
    *(("gateway", service, {8080}) for service in ("user", "product", "order", "payment")),
    ("product", "postgres", {5432}),
    ("product", "rabbitmq", {5672}),
    ("product", "redis", {6379}),
    ("product", "elasticsearch", {9200}),
    ("migration", "postgres", {5432}),
    ("migration", "rabbitmq", {5672}),
    ("migration", "redis", {6379}),
    ("migration", "elasticsearch", {9200}),
    *((name, "postgres", {5432}) for name in DATABASE_CLIENTS),
    *((name, "rabbitmq", {5672}) for name in (*DATABASE_CLIENTS, "notification")),
    *((name, "redis", {6379}) for name in ("order", "order's migration")),
    ("provision", "postgres", {5432}),
    ("definitions", "rabbitmq", {5672, 15672}),
    ("setup", "elasticsearch", {9200}),
    ("postgres", "postgres'", {5432, 8008}),
    ("rabbitmq", "rabbitmq'", {4369, 25672}),
    ("redis", "redis'", {6379}),
    ("redis", "sentinel", {26379}),
    ("sentinel", "redis", {6379}),
    ("sentinel", "sentinel'", {26379}),
    ("elasticsearch", "elasticsearch'", {9200, 9300}),
    ("operator", "postgres", {8008}),
    ("operator", "rabbitmq", {15672}),
    ("operator", "elasticsearch", {9200}),
    ("prometheus", "ingress", {9113}),
    ("prometheus", "gateway", {9090}),
    ("prometheus", "web", {9113}),
    *(("prometheus", service, {9090}) for service in ("user", "product", "order", "payment", "notification")),
    ("prometheus", "postgres", {8008}),
    ("prometheus", "rabbitmq", {15692}),
    ("prometheus", "redis", {9121}),
    ("prometheus", "sentinel", {9121}),
]


@pytest.fixture(autouse=True)
def in_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator runs as a pod of its chart."""
    monkeypatch.setenv(OPERATOR_NAMESPACE_VARIABLE, OPERATOR)


def shop(**spec: Any) -> Storefront:
    return parse_storefront(
        {
            "apiVersion": "storefront.dev/v1alpha1",
            "kind": "Storefront",
            "metadata": {"name": "shop", "uid": "u-1", "generation": 1},
            "spec": {"domain": "shop.example.com", **spec},
        }
    )


def rendered(storefront: Storefront) -> list[Manifest]:
    return render_component(COMPONENT, storefront, context_of(COMPONENT, storefront, Observed()))


def policies(storefront: Storefront) -> list[dict[str, Any]]:
    return [{"namespace": each["metadata"]["namespace"], **each["spec"]} for each in rendered(storefront)]


def connections(storefront: Storefront, source: str | None = None) -> set[tuple[str, str, int]]:
    """Every TCP connection between two pods (from one of them) that the policies allow, but for those that nobody
    polices.
    """
    rules = policies(storefront)
    return {
        (name, target, port)
        for (name, a), (target, b) in itertools.permutations(PODS.items(), 2)
        if (a.namespace in OURS or b.namespace in OURS) and source in (None, name)
        for port in PORTS
        if allowed(Packet(a.address, b.address, "TCP", port), list(PODS.values()), NAMESPACES, rules)
    }


def outside(storefront: Storefront, address: str) -> set[tuple[str, int]]:
    """Who reaches an address outside of the cluster, at which ports."""
    rules = policies(storefront)
    return {
        (name, port)
        for name, each in PODS.items()
        if each.namespace in OURS
        for port in PORTS
        if allowed(Packet(each.address, address, "TCP", port), list(PODS.values()), NAMESPACES, rules)
    }


def members(name: str) -> list[str]:
    """All members of a store that has several here."""
    return [each for each in PODS if each.rstrip("'") == name.rstrip("'")]


def expected() -> set[tuple[str, str, int]]:
    """The table, for all members; DNS for everybody; the public entry for everybody else."""
    table = {
        (source, target, port)
        for sources, targets, ports in CONNECTIONS
        for source, target in itertools.product(members(sources), members(targets))
        for port in ports
        if source != target
    }
    inside = {name for name, each in PODS.items() if each.namespace in OURS}
    entry = {(name, "ingress", port) for name in PODS.keys() - inside for port in (8080, 8443)}
    return table | entry | {(name, "dns", 53) for name in inside}


def test_exactly_the_connections_of_the_architecture() -> None:
    found = connections(shop())
    # What may reach the API may reach these ports of everything that lets it in: nobody here does.
    unpoliced = {(a, b, port) for a, b, port in found if a in USES_API and port in (443, 6443)}
    assert {PODS[b].namespace for _, b, _ in unpoliced}.isdisjoint(OURS)
    assert found - unpoliced == expected()


def test_only_who_needs_the_kubernetes_api_reaches_its_ports() -> None:
    assert outside(shop(), API_SERVER) == {(name, port) for name in USES_API for port in (443, 6443)}


def test_the_internet_reaches_the_public_entry_alone() -> None:
    rules, pods = policies(shop()), list(PODS.values())
    found = {
        (name, port)
        for name, each in PODS.items()
        if each.namespace in OURS
        for port in PORTS
        if allowed(Packet(INTERNET, each.address, "TCP", port), pods, NAMESPACES, rules)
    }
    assert found == {("ingress", 8080), ("ingress", 8443)}


def test_dns_is_asked_over_udp_too() -> None:
    rules, pods = policies(shop()), list(PODS.values())
    packet = Packet(PODS["web"].address, PODS["dns"].address, "UDP", 53)
    assert allowed(packet, pods, NAMESPACES, rules)


def test_an_external_store_has_no_policies_and_is_reached_where_it_is() -> None:
    storefront = shop(
        postgres={
            "mode": "External",
            "external": {"host": "192.0.2.5", "port": 6432, "secretName": "s", "maxConnections": 200},
        },
        redis={"mode": "External", "external": {"host": "redis.example.com", "secretName": "s"}},
    )
    found = {name for name, port in outside(storefront, "192.0.2.5") if port not in (443, 6443)}
    # Redis' port, for its address is not known.
    assert found == {"product", "migration", "order", "order's migration"}
    services = [each for each in policies(storefront) if each["namespace"] == "shop-services"]
    rules = [rule for each in services for rule in each.get("egress", [])]
    assert {
        "ports": [{"port": 6432, "protocol": "TCP"}],
        "to": [{"ipBlock": {"cidr": "192.0.2.5/32"}}],
    } in rules
    assert {"ports": [{"port": 6379, "protocol": "TCP"}]} in rules
    names = {each["metadata"]["name"] for each in rendered(storefront)}
    assert names & {"postgres", "redis", "redis-sentinel"} == set()
    assert {"rabbitmq", "elasticsearch"} <= names


SYSTEMS = {
    "payments": {"payment", "payment's migration"},
    "shipping": {"order", "order's migration"},
    "email": {"notification"},
    "identityProvider": {"gateway"},
}
"""The pods that use an external system."""


def system(name: str, host: str, port: int) -> dict[str, Any]:
    if name == "email":
        return {"email": {"host": host, "port": port, "from": "shop@example.com"}}
    if name == "identityProvider":
        return {name: {"issuer": f"http://{host}:{port}", "audience": "storefront"}}
    return {name: {"url": f"http://{host}:{port}/base", "secretName": "s"}}


@pytest.mark.parametrize("name", SYSTEMS)
def test_an_external_system_is_reached_by_its_service_alone(name: str) -> None:
    at_an_address = shop(external=system(name, "192.0.2.9", 22))
    known_to_dns = shop(external=system(name, "api.example.com", 22))
    users = SYSTEMS[name]

    assert outside(at_an_address, "192.0.2.9") - outside(shop(), "192.0.2.9") == {(pod, 22) for pod in users}
    assert outside(at_an_address, "192.0.2.10") == outside(shop(), "192.0.2.10")
    assert outside(known_to_dns, INTERNET) - outside(shop(), INTERNET) == {(pod, 22) for pod in users}


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("suffix", ["", ".cluster.local"])
def test_an_external_system_in_the_cluster_is_reached_in_its_namespace(name: str, suffix: str) -> None:
    storefront = shop(external=system(name, f"{name.lower()}.standins.svc{suffix}", 22))
    users = SYSTEMS[name]

    assert connections(storefront) - connections(shop()) == {(pod, "stand-in", 22) for pod in users}
    assert outside(storefront, INTERNET) == outside(shop(), INTERNET)


@pytest.mark.parametrize(
    ("url", "port"),
    [("https://api.stripe.com", 443), ("http://192.0.2.9", 80), ("https://api.example.com:8443/v1", 8443)],
)
def test_the_port_of_an_external_system_is_that_of_its_url(url: str, port: int) -> None:
    storefront = shop(external={"payments": {"url": url, "secretName": "s"}})

    reached = outside(storefront, "192.0.2.9") - outside(shop(), "192.0.2.9")
    assert reached == {("payment", port), ("payment's migration", port)}


def test_none_when_they_are_switched_off() -> None:
    storefront = shop(networkPolicy={"enabled": False})
    assert rendered(storefront) == []
    assert COMPONENT.health(storefront, Observed()).message == "none, as spec.networkPolicy.enabled is false"


def test_outside_of_a_cluster_the_operator_is_not_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OPERATOR_NAMESPACE_VARIABLE)
    assert {target for _, target, _ in connections(shop(), "operator")} == {"ingress"}


def test_the_ports_of_the_api_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_PORTS_VARIABLE, "443, 8443")
    assert outside(shop(), API_SERVER) == {(name, port) for name in USES_API for port in (443, 8443)}


@pytest.mark.parametrize("value", ["https", "0", "70000", "443,", "-1"])
def test_nonsense_instead_of_ports_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_PORTS_VARIABLE, value)
    with pytest.raises(
        ValueError, match=f"{API_PORTS_VARIABLE} is '{value}'; allowed: ports from 1 to 65535"
    ):
        api_ports()


def test_every_default_of_the_api_is_written_out() -> None:
    """The lists are atomic: what the API server added would look like somebody's change."""
    for each in rendered(shop()):
        spec = each["spec"]
        assert spec["policyTypes"], each["metadata"]
        for rule in [*spec.get("ingress", []), *spec.get("egress", [])]:
            assert all({"port", "protocol"} <= set(port) for port in rule["ports"]), each["metadata"]


def live(manifest: Manifest) -> Child:
    metadata = {**manifest["metadata"], "uid": "u", "resourceVersion": "1"}
    return project("NetworkPolicy", {**manifest, "metadata": metadata})


def test_health_waits_for_default_deny_in_every_namespace() -> None:
    children = {child.key: child for child in map(live, rendered(shop()))}
    health = COMPONENT.health(shop(), Observed(children))
    assert (health.ready, health.reason) == (True, Reason.AS_DESIRED)
    assert health.message.startswith(f"{len(children)} policies")

    missing = {
        key: child for key, child in children.items() if str(key) != "NetworkPolicy shop-data/default-deny"
    }
    health = COMPONENT.health(shop(), Observed(missing))
    assert (health.ready, health.reason) == (False, Reason.PROVISIONING)
    assert "shop-data/default-deny" in health.message


def test_labels_of_rendered_pods_are_those_that_policies_select() -> None:
    """A component whose pods carry other labels would be cut off."""
    storefront = shop()
    known = {
        (pod.namespace, pod.labels["app.kubernetes.io/name"], pod.labels["app.kubernetes.io/component"])
        for pod in PODS.values()
    }
    for manifest in render_storefront(storefront, placeholders(storefront)):
        if manifest["kind"] in ("Deployment", "StatefulSet", "Job"):
            labels = manifest["spec"]["template"]["metadata"]["labels"]
            found = (
                manifest["metadata"]["namespace"],
                labels["app.kubernetes.io/name"],
                labels["app.kubernetes.io/component"],
            )
            assert found in known, manifest["metadata"]
