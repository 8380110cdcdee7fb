"""Redis loses its primary while a pod writes through its Service. There is no operator: nobody needs one.

ROUNDS=5 repeats each fault and switches nodes off, too; the table is printed with `pytest -s`.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from storefront_dev.clusters import Cluster
from storefront_dev.embedded import EmbeddedCluster
from storefront_dev.images import builder, catalogue
from storefront_dev.progress import Progress
from storefront_operator.api import Storefront, parse_storefront
from storefront_operator.components import NAMESPACES, context_of, render_component
from storefront_operator.components.redis import Redis, redis_secret
from storefront_operator.engine.credentials import placeholders
from storefront_operator.objects import Child, Observed

from tests.e2e.kubectl import Kubectl, eventually

NAME = "redis-test"
NAMESPACE = f"{NAME}-data"
ROUNDS = int(os.environ.get("ROUNDS", "1"))
SPEC = {"domain": "redis-test.localhost", "profile": "Development"}
LONG = 90.0
STUCK = 60.0
"""Seconds; a pause that long is no election. How long elections really take is in the table that is printed."""


@dataclass
class Tally:
    """What one fault has done, round by round."""

    rounds: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [
            f"{'fault':<28}{'rounds':>7}{'acknowledged':>14}{'lost':>6}{'median':>8}{'worst':>8}{'conn.':>8}"
        ]
        for fault, rounds in self.rounds.items():
            pauses = [each["pause"] for each in rounds]
            written = sum(each["acknowledged"] for each in rounds)
            lost = sum(each["lost"] for each in rounds)
            lines.append(
                f"{fault:<28}{len(rounds):>7}{written:>14}{lost:>6}{statistics.median(pauses):>8.2f}"
                f"{max(pauses):>8.2f}{max(each['worst'] for each in rounds):>8.2f}"
            )
        return "\n".join(lines)


class Shop:
    """Redis in a namespace of its own, and a pod that writes."""

    def __init__(self, kubectl: Kubectl, tally: Tally) -> None:
        self.kubectl = kubectl
        self.tally = tally

    def __call__(self, *arguments: str) -> str:
        return self.kubectl("-n", NAMESPACE, *arguments)

    def pods(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.kubectl.get(
            "-n", NAMESPACE, "pods", "-l", f"app.kubernetes.io/name={name}"
        )
        return found

    def roles(self) -> dict[str, str]:
        """Pod → its role, `primary` or the state of its link, once it is ready."""
        return {
            pod["metadata"]["name"]: _role(pod["metadata"]["labels"]) if _ready(pod) else "not ready"
            for pod in self.pods("redis")
        }

    def primary(self) -> str:
        """Wait until all is well, and tell the primary."""
        roles = eventually(self.roles, lambda roles: sorted(roles.values()) == ["linked", "primary"], LONG)
        eventually(
            lambda: [_ready(pod) for pod in self.pods("redis-sentinel")],
            lambda all_: all_ == [True] * 3,
            LONG,
        )
        return next(name for name, role in roles.items() if role == "primary")

    def writer(self, *arguments: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(
            self("exec", "writer", "--", "python3", "/writer/redis_writer.py", *arguments)
        )
        return answer

    def suffer(self, fault: str, *command: str) -> dict[str, Any]:
        """Run a command that breaks something while numbers are written, and read them all back afterwards."""
        before = self.writer("now")
        eventually(lambda: self.writer("now")["least"], lambda n: n > before["least"] + 10, LONG)
        containers = self.containers()
        self(*command)
        eventually(self.containers, lambda found: found != containers, LONG)
        return self.outcome(fault, before["now"])

    def containers(self) -> set[str]:
        """What runs, as far as it was told; another one after every restart."""
        return {
            status.get("containerID", "")
            for pod in self.pods("redis")
            for status in pod["status"].get("containerStatuses", ())
        }

    def outcome(self, fault: str, since: float) -> dict[str, Any]:
        """When all is well again: what was lost, and how long nobody could write since `since`."""
        self.primary()
        after = self.writer("now")
        eventually(lambda: self.writer("now")["least"], lambda n: n > after["least"] + 10, LONG)
        report = self.writer("report", str(since))
        before = sum(each["acknowledged"] for rounds in self.tally.rounds.values() for each in rounds)
        result = {
            **report,
            "acknowledged": report["acknowledged"] - before,
            "lost": report["lost"] - self.lost(),
        }
        self.tally.rounds.setdefault(fault, []).append(result)
        print(f"\n{fault}: {result}", flush=True)
        return result

    def lost(self) -> int:
        """So far, in all rounds."""
        return sum(each["lost"] for rounds in self.tally.rounds.values() for each in rounds)


def _ready(pod: dict[str, Any]) -> bool:
    return "deletionTimestamp" not in pod["metadata"] and any(
        c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ())
    )


def _role(labels: dict[str, str]) -> str:
    return (
        "primary" if labels.get("role") == "primary" else labels.get("storefront.dev/replication", "unknown")
    )


@pytest.fixture(scope="module")
def storefront() -> Storefront:
    resource = {"apiVersion": "storefront.dev/v1alpha1", "kind": "Storefront", "spec": SPEC}
    return parse_storefront({**resource, "metadata": {"name": NAME, "uid": "none", "generation": 1}})


@pytest.fixture(scope="module")
def shop(cluster: Cluster, kubectl: Kubectl, storefront: Storefront) -> Iterator[Shop]:
    """Redis as the operator renders it, applied by hand."""
    if not isinstance(cluster, EmbeddedCluster):
        pytest.skip(f"the image of this test is loaded from a file, which {cluster.name} does not do")
    outcomes = builder.build(catalogue.select(["redis"]), Progress())
    cluster.load_images([outcome.record.archive for outcome in outcomes if outcome.record])
    observed, credentials = generated(storefront)
    manifests = [
        manifest
        for component in (NAMESPACES, Redis())
        for manifest in render_component(component, storefront, context_of(component, storefront, observed))
        if manifest["metadata"].get("namespace", manifest["metadata"]["name"]) == NAMESPACE
    ]
    for manifest in manifests:
        manifest["metadata"].pop("ownerReferences", None)
    kubectl.apply(*[each for each in manifests if each["kind"] == "Namespace"])
    kubectl.apply(*credentials, *[each for each in manifests if each["kind"] != "Namespace"])
    tally = Tally()
    shop = Shop(kubectl, tally)
    shop.primary()
    image = f"{catalogue.DEFAULT_REGISTRY}/redis:{catalogue.version()}"
    kubectl.apply(*writer_pod(image))
    shop("wait", "pod/writer", "--for=condition=Ready", "--timeout=60s")
    yield shop
    print(f"\n{tally}")
    kubectl("delete", "namespace", NAMESPACE, "--timeout=120s")


def generated(storefront: Storefront) -> tuple[Observed, list[dict[str, Any]]]:
    """Redis' credentials: as the operator sees them, and as objects to apply."""
    children, manifests = dict(placeholders(storefront).children), []
    for secret in Redis().secrets(storefront):
        values = {**secret.fixed, **{name: secrets.token_urlsafe(24) for name in secret.random}}
        data = {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}
        metadata = {"name": secret.name, "namespace": secret.namespace}
        manifests.append({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
        key = next(key for key in children if (key.namespace, key.name) == (secret.namespace, secret.name))
        children[key] = Child(key, "", "0", {}, "", "", deleting=False, facts={"data": data})
    return Observed(children), manifests


def writer_pod(image: str) -> list[dict[str, Any]]:
    """A client on the node that has no Redis, so that it outlives every node that is switched off."""
    password = {"secretKeyRef": {"name": redis_secret("order"), "key": "password"}}
    restricted = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    other_host = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "redis"}},
    }
    pod = {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [other_host]}},
        "dnsConfig": {"options": [{"name": "timeout", "value": "1"}, {"name": "ndots", "value": "2"}]},
        "containers": [
            {
                "name": "writer",
                "image": image,
                "command": ["python3", "/writer/redis_writer.py", "write"],
                "env": [{"name": "REDIS_PASSWORD", "valueFrom": password}],
                "securityContext": restricted,
                "volumeMounts": [
                    {"name": "tmp", "mountPath": "/tmp"},
                    {"name": "writer", "mountPath": "/writer"},
                ],
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "writer", "configMap": {"name": "writer"}}],
    }
    source = (Path(__file__).parent / "redis_writer.py").read_text()
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "writer", "namespace": NAMESPACE},
            "data": {"redis_writer.py": source},
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "writer", "namespace": NAMESPACE},
            "spec": pod,
        },
    ]


@pytest.mark.parametrize("attempt", range(ROUNDS))
def test_a_primary_that_is_stopped_hands_over_and_loses_nothing(shop: Shop, attempt: int) -> None:
    primary = shop.primary()

    outcome = shop.suffer("pod deleted", "delete", "pod", primary, "--wait=false")

    assert outcome["lost"] == 0
    assert outcome["pause"] < STUCK
    assert shop.primary() != primary


@pytest.mark.parametrize("attempt", range(ROUNDS))
def test_a_killed_server_is_replaced(shop: Shop, attempt: int) -> None:
    primary = shop.primary()

    outcome = shop.suffer("server killed", "exec", primary, "--", "sh", "-c", "kill -9 $(pidof redis-server)")

    assert outcome["pause"] < STUCK
    assert outcome["lost"] <= shop.tally.rounds["server killed"][-1]["acknowledged"] * 0.01


@pytest.mark.parametrize("attempt", range(ROUNDS))
def test_a_pod_that_is_deleted_by_force_is_replaced(shop: Shop, attempt: int) -> None:
    primary = shop.primary()

    outcome = shop.suffer(
        "pod deleted, grace 0", "delete", "pod", primary, "--grace-period=0", "--force", "--wait=false"
    )

    assert outcome["pause"] < STUCK
    assert outcome["lost"] == 0


@pytest.mark.parametrize("attempt", range(ROUNDS))
def test_after_a_full_outage_everything_is_there_again(shop: Shop, attempt: int) -> None:
    shop.primary()

    outcome = shop.suffer(
        "all pods deleted, grace 0",
        *("delete", "pods", "-l", "app.kubernetes.io/component=redis", "--grace-period=0", "--force"),
    )

    assert outcome["lost"] == 0


@pytest.mark.parametrize("attempt", range(ROUNDS))
def test_a_primary_whose_node_is_switched_off_is_replaced(shop: Shop, cluster: Cluster, attempt: int) -> None:
    primary = shop.primary()
    node = shop.kubectl.get("-n", NAMESPACE, "pod", primary)["spec"]["nodeName"]
    since = shop.writer("now")["now"]

    cluster.stop_node(node)
    try:
        others = eventually(
            lambda: [name for name, role in shop.roles().items() if role == "primary" and name != primary],
            bool,
            LONG,
        )
        count = shop.writer("now")["least"]
        eventually(lambda: shop.writer("now")["least"], lambda n: n > count + 10, LONG)
    finally:
        cluster.start_node(node)

    assert others
    outcome = shop.outcome("node switched off", since)
    assert outcome["pause"] < STUCK
