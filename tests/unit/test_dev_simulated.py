"""The simulated cluster says what it cannot show, and promises nothing that needs a container."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from storefront_dev import simulated
from storefront_dev.errors import ClusterError
from storefront_dev.folders import REPOSITORY
from storefront_dev.simulated import STAGES, SimulatedCluster
from storefront_dev.testing import Result, last_line

NOT_SHOWN = "Therefore not shown: pages, data stores, fail-over; tests that need them are skipped."


@pytest.mark.parametrize(
    ("lacks", "why"),
    [
        ([], "CLUSTER=simulated says so."),
        (["root: for mounts"], "this machine cannot carry nodes, it lacks root: for mounts."),
        (
            ["bridges", "overlay", "nftables"],
            "this machine cannot carry nodes, it lacks bridges (and 2 more, see `make cluster-up CLUSTER=embedded`).",
        ),
    ],
)
def test_one_line_says_that_pods_are_simulated_and_why_and_what_is_not_shown(
    lacks: list[str], why: str, tmp_path: Path
) -> None:
    caveat = SimulatedCluster(tmp_path / "cluster", lacks=lacks).caveat
    assert caveat == f"Pods are simulated, because {why} {NOT_SHOWN}"
    assert "\n" not in caveat


def test_what_needs_containers_is_refused_in_words(tmp_path: Path) -> None:
    cluster = SimulatedCluster(tmp_path / "cluster")
    with pytest.raises(ClusterError, match="simulated: nothing answers at shop"):
        cluster.url("shop.localhost")
    with pytest.raises(ClusterError, match="simulated: no node can be switched off"):
        cluster.stop_node("node1")
    with pytest.raises(ClusterError, match="simulated: no node has a network"):
        cluster.cut_node("node1")


def test_a_cluster_that_is_down_says_so_and_costs_nothing(tmp_path: Path) -> None:
    cluster = SimulatedCluster(tmp_path / "cluster")
    assert not cluster.status().running
    assert cluster.status().lines == ["the simulated cluster is down"]
    assert cluster.cost() == []
    assert cluster.leftovers() == []


def test_the_last_line_of_a_test_run_names_the_cluster_first() -> None:
    results = [Result("unit", passed=7), Result("e2e", passed=1, failed=2, skipped=3)]
    assert last_line("simulated", results) == "simulated: 8 passed, 2 failed, 3 skipped"


def test_the_nodes_are_those_of_the_embedded_cluster_in_three_zones() -> None:
    nodes = [each for each in simulated.manifests() if each["kind"] == "Node"]
    zones = {
        node["metadata"]["name"]: node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in nodes
    }
    assert zones == {"node1": "a", "node2": "b", "node3": "c"}


def test_the_stages_provide_the_volumes_of_the_storage_class_there_is() -> None:
    stages = {
        stage["metadata"]["name"]: stage
        for path in STAGES.glob("*.yaml")
        for stage in yaml.safe_load_all(path.read_text())
    }
    for name in ("claim-provision", "volume-delete"):
        expressions = stages[name]["spec"]["selector"]["matchExpressions"]
        (storage,) = (each for each in expressions if each["key"] == ".spec.storageClassName")
        assert storage["values"] == [simulated.STORAGE_CLASS]


@pytest.mark.parametrize(
    ("required", "code", "message"),
    [
        ("0", 0, "needs real nodes; here pods are simulated"),
        ("1", 1, "REQUIRE_NODES=1, but: Pods are simulated, because CLUSTER=simulated says so."),
    ],
)
def test_what_needs_nodes_is_skipped_or_fails_where_they_are_required(
    required: str, code: int, message: str, tmp_path: Path
) -> None:
    environment = {**os.environ, "CLUSTER": "simulated", "REQUIRE_NODES": required}
    command = [sys.executable, "-m", "pytest", "tests/e2e/test_cluster.py", "-k", "logs_and_commands"]
    result = subprocess.run(
        [*command, "-p", "no:cacheprovider"],
        cwd=REPOSITORY,
        env={**environment, "STOREFRONT_STATE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == code, result.stdout
    assert message in result.stdout
