"""The simulated cluster: real controllers and a real scheduler, pods that kwok plays, the operator as its chart has it.

The tests build on each other's Storefront and run in the order in which they stand here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from storefront_dev import platform
from storefront_dev.demo import EXAMPLE, wait_ready
from storefront_dev.progress import Progress
from storefront_dev.simulated import SimulatedCluster

from tests.control_plane.harness import Cluster, eventually

NAME = "simulated"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedCluster]:
    """A simulated cluster of the module's own with the operator on it."""
    with SimulatedCluster(tmp_path_factory.mktemp("simulated") / "cluster") as cluster:
        platform.install_operator(cluster, Progress())
        yield cluster


@pytest.fixture(scope="module")
def api(simulated: SimulatedCluster) -> Cluster:
    """Its API."""
    return Cluster(simulated.kubeconfig)


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    """The quickstart example."""
    document: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    document["metadata"]["name"] = NAME
    return document


@pytest.fixture(scope="module")
def shop(simulated: SimulatedCluster, api: Cluster, manifest: dict[str, Any]) -> None:
    """A Storefront that is Ready."""
    api.apply(manifest)
    wait_ready(simulated, NAME, Progress(), patience=120)


def pods(api: Cluster, namespace: str) -> list[dict[str, Any]]:
    return api.list("v1", "Pod", f"storefront.dev/name={NAME}", f"{NAME}-{namespace}")


def test_three_nodes_in_three_zones_are_ready(simulated: SimulatedCluster, api: Cluster) -> None:
    assert simulated.status().nodes == {"node1": True, "node2": True, "node3": True}
    zones = {node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in api.list("v1", "Node")}
    assert zones == {"a", "b", "c"}


@pytest.mark.usefixtures("shop")
def test_the_quickstart_becomes_ready(api: Cluster) -> None:
    storefront = api.storefront(NAME) or {}

    assert api.condition(NAME, "Ready")["status"] == "True"
    assert storefront["status"]["components"]["postgres"]["primary"] == "postgres-0"


@pytest.mark.usefixtures("shop")
def test_the_scheduler_keeps_the_members_apart_and_their_volumes_stay_where_they_are(api: Cluster) -> None:
    selector = "app.kubernetes.io/name=postgres"
    members = api.list("v1", "Pod", selector, namespace=f"{NAME}-data")
    claims = api.list("v1", "PersistentVolumeClaim", selector, namespace=f"{NAME}-data")

    assert {pod["spec"]["nodeName"] for pod in members} == {"node1", "node2", "node3"}
    assert [claim["status"]["phase"] for claim in claims] == ["Bound"] * 3
    assert [pod["metadata"]["labels"]["role"] for pod in members].count("primary") == 1


@pytest.mark.usefixtures("shop")
def test_a_load_balancer_has_an_address(api: Cluster) -> None:
    service = api.get("v1", "Service", "ingress", f"{NAME}-edge") or {}

    (ingress,) = service["status"]["loadBalancer"]["ingress"]
    assert ingress["ip"].startswith("198.18.")


@pytest.mark.usefixtures("shop")
def test_a_deleted_deployment_comes_back_with_its_pods(api: Cluster) -> None:
    before = {pod["metadata"]["uid"] for pod in pods(api, "services")}

    api.kubectl("delete", "deployment", "product", f"--namespace={NAME}-services")

    eventually(lambda: api.events(NAME, "DriftReverted"), "the repair is told")
    eventually(
        lambda: [
            pod
            for pod in pods(api, "services")
            if pod["metadata"]["uid"] not in before and pod["status"]["phase"] == "Running"
        ],
        "a new pod runs",
    )


@pytest.mark.usefixtures("shop")
def test_a_change_replaces_the_replicas_and_at_last_the_primary(api: Cluster) -> None:
    variable = {"name": "ROLLED", "value": "once"}
    patch = json.dumps({"spec": {"postgres": {"extraEnv": [variable]}}})

    api.kubectl("patch", "storefront", NAME, "--type=merge", "-p", patch)

    def rolled() -> list[dict[str, Any]]:
        members = api.list("v1", "Pod", "app.kubernetes.io/name=postgres", f"{NAME}-data")
        new = [pod for pod in members if variable in pod["spec"]["containers"][0]["env"]]
        return new if len(new) == 3 else []

    members = eventually(rolled, "every member is made anew")
    made = {pod["metadata"]["name"]: pod["metadata"]["creationTimestamp"] for pod in members}
    assert max(made.values()) == made["postgres-0"], "the primary is the last"
    eventually(lambda: api.condition(NAME, "Reconciling")["status"] == "False", "nothing is under way")


@pytest.mark.usefixtures("shop")
def test_an_operator_that_is_installed_again_is_replaced(simulated: SimulatedCluster, api: Cluster) -> None:
    def operators() -> list[str]:
        return [line for line in simulated.status().lines if line.startswith("operator")]

    platform.install_operator(simulated, Progress())

    assert operators() == ["operator: running"]
    wait_ready(simulated, NAME, Progress(), patience=60)


def test_deleting_the_storefront_keeps_the_data_and_applying_it_again_finds_it(
    simulated: SimulatedCluster, api: Cluster, shop: None, manifest: dict[str, Any]
) -> None:
    def volumes() -> set[str]:
        claims = api.list("v1", "PersistentVolumeClaim", namespace=f"{NAME}-data")
        return {claim["spec"]["volumeName"] for claim in claims}

    before = volumes()

    deleted = api.kubectl("delete", "storefront", NAME, "--timeout=55s")

    assert deleted.returncode == 0, deleted.stderr
    left = api.list("v1", "Namespace", f"storefront.dev/name={NAME}")
    assert [namespace["metadata"]["name"] for namespace in left] == [f"{NAME}-data"]
    eventually(lambda: not pods(api, "data"), "no pod is left")

    api.apply(manifest)
    wait_ready(simulated, NAME, Progress(), patience=120)
    assert volumes() == before


def test_nothing_is_left_when_it_is_taken_down(tmp_path: Path) -> None:
    with SimulatedCluster(tmp_path / "cluster") as cluster:
        assert cluster.leftovers() != []

    assert cluster.leftovers() == []
