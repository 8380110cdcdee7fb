"""Network policies are enforced: connections between real pods, those that are allowed and those that are not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from storefront_dev.clusters import Cluster
from storefront_dev.embedded import EmbeddedCluster
from storefront_dev.images import builder, catalogue
from storefront_dev.progress import Progress

from tests.e2e.kubectl import Kubectl, eventually

SERVERS, CLIENTS, OTHERS = "policy-servers", "policy-clients", "policy-others"
IMAGE = f"{catalogue.DEFAULT_REGISTRY}/product:{catalogue.version()}"
PATIENCE = 20.0
"""Seconds until a policy must be in force; it is far less, see the figures in the agent's log."""

Try = tuple[str, str, int]

# Echoes on every port; the name `web` stands for another port on each of the two servers.
SERVER = """
import asyncio
async def echo(reader, writer):
    while data := await reader.read(100):
        writer.write(data)
    writer.close()
async def main():
    await asyncio.gather(*[asyncio.start_server(echo, "", port) for port in range(8000, 8006)])
    await asyncio.Event().wait()
asyncio.run(main())
"""


class Client:
    """A process in a pod that tries connections."""

    def __init__(self, kubectl: Kubectl, namespace: str, pod: str) -> None:
        program = (Path(__file__).parent / "policy_client.py").read_text()
        command = [*kubectl.command, "-n", namespace, "exec", "-i", pod, "--", "python3", "-c", program]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def __call__(self, *tries: Try) -> list[bool]:
        """Which of these succeed now."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(tries) + "\n")
        answer: list[bool] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


class Arena:
    """Two servers and their Service, and clients near (on the first server's node), far and in another namespace."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl
        pods = kubectl.get("pods", "-n", SERVERS)
        self.address = {each["metadata"]["name"]: each["status"]["podIP"] for each in pods}
        self.service = kubectl.get("service", "server", "-n", SERVERS)["spec"]["clusterIP"]
        self.api = kubectl.get("service", "kubernetes", "-n", "default")["spec"]["clusterIP"]
        self.near = Client(kubectl, CLIENTS, "near")
        self.far = Client(kubectl, CLIENTS, "far")
        self.other = Client(kubectl, OTHERS, "other")
        self.clients = (self.near, self.far, self.other)

    def policy(self, namespace: str, name: str, spec: str) -> None:
        """Write a policy, given as YAML."""
        metadata = {"name": name, "namespace": namespace}
        self.kubectl.apply(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": metadata,
                "spec": yaml.safe_load(spec),
            }
        )

    def to(self, server: str, *ports: int) -> list[Try]:
        """Connections to a server's pod."""
        return [("reach", self.address[server], port) for port in ports]


@pytest.fixture(scope="module")
def servers_and_clients(cluster: Cluster, kubectl: Kubectl) -> Iterator[Arena]:
    """The arena, without policies."""
    if not isinstance(cluster, EmbeddedCluster):
        pytest.skip(f"whether {cluster.name} enforces policies is its owner's affair")
    (outcome,) = builder.build(catalogue.select(["product"]), Progress())
    assert outcome.record is not None, outcome.error
    cluster.load_images([outcome.record.archive])
    kubectl.apply(*[namespace(name) for name in (SERVERS, CLIENTS, OTHERS)])
    kubectl.apply(
        server("first", "node1", web=8001),
        server("second", "node2", web=8002),
        client(CLIENTS, "near", "node1", {"app": "client", "where": "near"}),
        client(CLIENTS, "far", "node2", {"app": "client", "where": "far"}),
        client(OTHERS, "other", "node2", {"app": "client"}),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "server", "namespace": SERVERS},
            "spec": {"selector": {"name": "first"}, "ports": [{"port": 80, "targetPort": "web"}]},
        },
    )
    for each in (SERVERS, CLIENTS, OTHERS):
        kubectl("wait", "pods", "--all", "-n", each, "--for=condition=Ready", "--timeout=60s")
    arena = Arena(kubectl)
    yield arena
    for each in arena.clients:
        each.close()
    kubectl("delete", "namespace", SERVERS, CLIENTS, OTHERS, "--wait=false")


@pytest.fixture
def arena(servers_and_clients: Arena) -> Iterator[Arena]:
    """The arena; the policies of a test end with it."""
    yield servers_and_clients
    for each in (SERVERS, CLIENTS, OTHERS):
        servers_and_clients.kubectl("delete", "networkpolicies", "--all", "-n", each)
    everything = servers_and_clients.to("first", 8000)
    for client in servers_and_clients.clients:
        finds(client, everything, [True])


def finds(client: Client, tries: Sequence[Try], expected: Sequence[bool]) -> None:
    """Wait until exactly these connections succeed."""
    eventually(lambda: client(*tries), lambda found: found == list(expected), PATIENCE)


def test_without_policies_everybody_reaches_everything(arena: Arena) -> None:
    tries = [*arena.to("first", 8000), *arena.to("second", 8000)]
    tries += [("reach", arena.service, 80), ("reach", arena.api, 443)]
    tries += [("resolve", f"server.{SERVERS}.svc.cluster.local", 80)]
    for client in arena.clients:
        finds(client, tries, [True] * 5)


def test_default_deny_closes_every_way_to_a_pod_but_that_of_its_probes(arena: Arena) -> None:
    ways = [*arena.to("first", 8000), *arena.to("second", 8000), ("reach", arena.service, 80)]
    arena.policy(SERVERS, "deny", "{podSelector: {}}")

    for client in arena.clients:
        finds(client, ways, [False] * 3)
    # A pod that starts now becomes ready: its kubelet gets through.
    arena.kubectl.apply(server("third", "node3", web=8003))
    arena.kubectl("wait", "pod/third", "-n", SERVERS, "--for=condition=Ready", "--timeout=60s")
    third = arena.kubectl.get("pod", "third", "-n", SERVERS)["status"]["podIP"]
    assert arena.far(("reach", third, 8000)) == [False]


def test_sources_by_pod_by_namespace_and_by_both(arena: Arena) -> None:
    arena.policy(SERVERS, "deny", "{podSelector: {}}")
    arena.policy(
        SERVERS,
        "both",
        f"""
        podSelector: {{matchExpressions: [{{key: name, operator: In, values: [first]}}]}}
        ingress:
        - from:
          - namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {CLIENTS}}}}}
            podSelector: {{matchExpressions: [{{key: where, operator: NotIn, values: [near]}}]}}
        """,
    )
    arena.policy(
        SERVERS,
        "by-namespace",
        f"""
        podSelector: {{matchLabels: {{name: second}}}}
        ingress: [{{from: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {OTHERS}}}}}}}]}}]
        """,
    )
    # Of this namespace, and so none of the clients.
    arena.policy(
        SERVERS,
        "by-pod",
        "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]}",
    )
    ways = [*arena.to("first", 8000), ("reach", arena.service, 80), *arena.to("second", 8000)]
    finds(arena.far, ways, [True, True, False])
    finds(arena.other, ways, [False, False, True])
    finds(arena.near, ways, [False, False, False])

    arena.kubectl("label", "pod", "near", "-n", CLIENTS, "where=elsewhere", "--overwrite")
    finds(arena.near, ways, [True, True, False])
    arena.kubectl("label", "pod", "near", "-n", CLIENTS, "where=near", "--overwrite")
    finds(arena.near, ways, [False, False, False])


def test_ports_by_number_by_name_and_by_range(arena: Arena) -> None:
    arena.policy(
        SERVERS, "ports", "{podSelector: {}, ingress: [{ports: [{port: web}, {port: 8003, endPort: 8004}]}]}"
    )
    ports = range(8000, 8006)
    # `web` is 8001 on the first and 8002 on the second.
    for client in (arena.near, arena.far):
        finds(client, arena.to("first", *ports), [port in (8001, 8003, 8004) for port in ports])
        finds(client, arena.to("second", *ports), [port in (8002, 8003, 8004) for port in ports])
    finds(arena.near, [("reach", arena.service, 80)], [True])

    arena.policy(
        SERVERS, "ports", "{podSelector: {}, ingress: [{ports: [{port: 8000, protocol: UDP}, {port: 8005}]}]}"
    )
    finds(arena.far, arena.to("first", *ports), [port == 8005 for port in ports])


def test_egress_to_named_ports_follows_the_destination(arena: Arena) -> None:
    arena.policy(
        CLIENTS,
        "egress",
        """
        podSelector: {}
        policyTypes: [Egress]
        egress: [{to: [{namespaceSelector: {}}], ports: [{port: web}]}]
        """,
    )
    for client in (arena.near, arena.far):
        finds(client, arena.to("first", 8000, 8001, 8002), [False, True, False])
        finds(client, arena.to("second", 8000, 8001, 8002), [False, False, True])
        finds(client, [("reach", arena.service, 80)], [True])
    finds(arena.other, arena.to("first", 8000), [True])


def test_egress_without_dns_then_with_it_and_the_api_server_by_its_port(arena: Arena) -> None:
    name = f"server.{SERVERS}.svc.cluster.local"
    ways: list[Try] = [("resolve", name, 80), ("reach", arena.api, 443), ("reach", arena.service, 80)]
    arena.policy(CLIENTS, "deny", "{podSelector: {}, policyTypes: [Egress]}")
    for client in (arena.near, arena.far):
        finds(client, ways, [False, False, False])

    dns = """
        podSelector: {}
        policyTypes: [Egress]
        egress:
        - to:
          - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
            podSelector: {matchLabels: {k8s-app: kube-dns}}
          ports: [{port: 53, protocol: UDP}, {port: 53}]
    """
    arena.policy(CLIENTS, "dns", dns)
    for client in (arena.near, arena.far):
        finds(client, ways, [True, False, False])

    arena.policy(
        CLIENTS, "api", "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 6443}]}]}"
    )
    for client in (arena.near, arena.far):
        finds(client, ways, [True, True, False])


def test_blocks_of_addresses_and_their_exceptions(arena: Arena) -> None:
    first, second = arena.address["first"], arena.address["second"]
    block = f"{{cidr: 10.244.0.0/16, except: [{second}/32]}}"
    arena.policy(
        CLIENTS,
        "block",
        f"{{podSelector: {{}}, policyTypes: [Egress], egress: [{{to: [{{ipBlock: {block}}}]}}]}}",
    )
    ways: list[Try] = [("reach", first, 8000), ("reach", second, 8000), ("reach", arena.api, 443)]
    for client in (arena.near, arena.far):
        finds(client, ways, [True, False, False])


def test_a_connection_that_is_open_survives_the_policy_that_forbids_it(arena: Arena) -> None:
    address = arena.address["first"]
    for client in arena.clients:
        assert client(("hold", address, 8000)) == [True]

    arena.policy(SERVERS, "deny", "{podSelector: {}}")

    for client in arena.clients:
        finds(client, [("reach", address, 8000)], [False])
        assert client(("speak", address, 8000)) == [True]


def test_a_new_pod_is_never_open_before_its_rules_are_there(arena: Arena) -> None:
    address = arena.address["first"]
    arena.policy(OTHERS, "deny", "{podSelector: {matchLabels: {app: closed}}, policyTypes: [Egress]}")
    finds(arena.other, arena.to("first", 8000), [True])
    # Tries from its first moment on, and fails when one try succeeds, or, for the open one, when none does.
    program = f"""
import socket, sys
tried = 0
for _ in range(20):
    try:
        socket.create_connection(("{address}", 8000), timeout=0.1).close()
    except OSError:
        tried += 1
sys.exit(tried != int(sys.argv[1]) if sys.argv[1] == "20" else tried > int(sys.argv[1]))
"""
    for name, refused in (("closed", "20"), ("open", "10")):
        manifest = client(OTHERS, f"new-{name}", "node3", {"app": name})
        manifest["spec"]["containers"][0]["command"] = ["python3", "-c", program, refused]
        manifest["spec"]["restartPolicy"] = "Never"
        arena.kubectl.apply(manifest)
    for name in ("closed", "open"):
        phase = eventually(
            lambda name=name: arena.kubectl.get("pod", f"new-{name}", "-n", OTHERS)["status"]["phase"],  # type: ignore[misc]
            lambda phase: phase in ("Succeeded", "Failed"),
            60,
        )
        assert phase == "Succeeded", name


def namespace(name: str) -> dict[str, Any]:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def server(name: str, node: str, web: int) -> dict[str, Any]:
    probe = {"tcpSocket": {"port": "web"}, "periodSeconds": 1}
    container = {
        "command": ["python3", "-c", SERVER],
        "ports": [{"name": "web", "containerPort": web}],
        "readinessProbe": probe,
    }
    return pod(SERVERS, name, node, {"app": "server", "name": name}, container)


def client(namespace: str, name: str, node: str, labels: dict[str, str]) -> dict[str, Any]:
    return pod(namespace, name, node, labels, {"command": ["sleep", "infinity"]})


def pod(
    namespace: str, name: str, node: str, labels: dict[str, str], container: dict[str, Any]
) -> dict[str, Any]:
    restricted = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            # A name that cannot be looked up is soon given up.
            "dnsConfig": {"options": [{"name": "timeout", "value": "1"}, {"name": "attempts", "value": "1"}]},
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{"name": "main", "image": IMAGE, "securityContext": restricted, **container}],
        },
    }
