"""The leader lock of a PostgreSQL member whose node is lost: released on proof, and only then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.control_plane.harness import Cluster, Operator, eventually

pytestmark = pytest.mark.control_plane

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


class Primary:
    """A PostgreSQL primary as the API shows it: its pod on a node, and the lock that names it."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster, self.storefront = cluster, name
        self.namespace, self.node = f"{name}-data", f"{name}-node"

    def arrange(self, holder: str = "postgres-0") -> None:
        """Bind postgres-0 to a node of its own, let it be primary, and write the lock as Patroni would."""
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.node}}
        self.cluster.apply(node)
        pod = eventually(
            lambda: self.cluster.get("v1", "Pod", "postgres-0", self.namespace), "the pod is there"
        )
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod["metadata"]["name"], "namespace": self.namespace},
            "target": {"apiVersion": "v1", "kind": "Node", "name": self.node},
        }
        path = f"/api/v1/namespaces/{self.namespace}/pods/postgres-0/binding"
        created = self.cluster.kubectl("create", "--raw", path, "-f", "-", text=json.dumps(binding))
        assert created.returncode == 0, created.stderr
        self._kubectl("label", "pod", "postgres-0", "role=primary")
        self.report({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})
        lock = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": "postgres-leader",
                "namespace": self.namespace,
                "annotations": {
                    "leader": holder,
                    "ttl": "20",
                    "transitions": "3",
                    "renewTime": "2026-01-02T03:04:05.6+00:00",
                },
            },
        }
        self.cluster.apply(lock)

    def report(self, status: dict[str, Any]) -> None:
        """Say of the pod what its kubelet would."""
        patch = json.dumps({"status": status})
        self._kubectl("patch", "pod", "postgres-0", "--subresource=status", "-p", patch)

    @staticmethod
    def container(state: dict[str, Any]) -> dict[str, Any]:
        """The status of the pod's container."""
        return {
            "name": "postgres",
            "image": "x",
            "imageID": "x",
            "restartCount": 0,
            "ready": False,
            "state": state,
        }

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the pod's deletion wait until the end of the block."""
        self._kubectl(
            "patch", "pod", "postgres-0", "-p", '{"metadata": {"finalizers": ["example.com/held"]}}'
        )
        try:
            yield
        finally:
            self._kubectl("patch", "pod", "postgres-0", "-p", '{"metadata": {"finalizers": null}}')

    def annotations(self) -> dict[str, Any]:
        """What the lock says now."""
        lock = self.cluster.get("v1", "ConfigMap", "postgres-leader", self.namespace)
        assert lock is not None
        return dict(lock["metadata"]["annotations"])

    def taint(self, key: str) -> None:
        """Put a taint on the node."""
        self._kubectl("taint", "node", self.node, f"{key}=nodeshutdown:NoExecute")

    def _kubectl(self, *arguments: str) -> None:
        result = self.cluster.kubectl("-n", self.namespace, *arguments)
        assert result.returncode == 0, result.stderr


@pytest.fixture
def primary(cluster: Cluster, operator: Operator, manifest: dict[str, Any], name: str) -> Primary:
    cluster.apply(manifest)
    return Primary(cluster, name)


def told(cluster: Cluster, name: str) -> bool:
    return any("leader lock" in message for message in cluster.events(name, "FailOverHelped"))


def test_a_node_out_of_service_frees_the_lock(cluster: Cluster, primary: Primary) -> None:
    primary.arrange()

    primary.taint(OUT_OF_SERVICE)

    eventually(lambda: "leader" not in primary.annotations(), "the lock names nobody")
    assert primary.annotations()["transitions"] == "3"
    eventually(lambda: told(cluster, primary.storefront), "an event tells about it")


def test_a_deleted_node_frees_the_lock(cluster: Cluster, primary: Primary) -> None:
    primary.arrange()

    cluster.kubectl("delete", "node", primary.node)

    eventually(lambda: "leader" not in primary.annotations(), "the lock names nobody")


def test_containers_that_have_ended_for_good_free_the_lock(cluster: Cluster, primary: Primary) -> None:
    """The kubelet reports that the container has ended, in a pod that is being deleted and so starts none again."""
    primary.arrange()
    terminated = {"exitCode": 137, "containerID": "containerd://1", "finishedAt": "2026-01-02T03:04:06Z"}
    ended = primary.container({"terminated": terminated})
    primary.report({"phase": "Running", "containerStatuses": [ended]})
    cluster.kubectl("-n", primary.namespace, "delete", "service", "postgres-rw")
    eventually(lambda: cluster.get("v1", "Service", "postgres-rw", primary.namespace), "the pass is over")
    assert primary.annotations()["leader"] == "postgres-0"  # a container of a running pod is started again

    with primary.held():
        cluster.kubectl("-n", primary.namespace, "delete", "pod", "postgres-0", "--wait=false")

        eventually(lambda: "leader" not in primary.annotations(), "the lock names nobody")


def test_neither_silence_nor_a_missing_pod_is_a_proof(cluster: Cluster, primary: Primary) -> None:
    """The node stops answering, and the pod is force-deleted: its container may run on."""
    primary.arrange()

    primary.taint("node.kubernetes.io/unreachable")
    cluster.kubectl("-n", primary.namespace, "delete", "pod", "postgres-0", "--force", "--grace-period=0")
    # A change that the operator answers with a pass, so that it has seen the state above.
    cluster.kubectl("-n", primary.namespace, "delete", "service", "postgres-rw")
    eventually(lambda: cluster.get("v1", "Service", "postgres-rw", primary.namespace), "the pass is over")

    assert primary.annotations()["leader"] == "postgres-0"
    assert not told(cluster, primary.storefront)


def test_a_lock_of_another_member_is_left_alone(cluster: Cluster, primary: Primary) -> None:
    primary.arrange(holder="postgres-1")

    primary.taint(OUT_OF_SERVICE)
    cluster.kubectl("-n", primary.namespace, "delete", "service", "postgres-rw")
    eventually(lambda: cluster.get("v1", "Service", "postgres-rw", primary.namespace), "the pass is over")

    assert primary.annotations()["leader"] == "postgres-1"
