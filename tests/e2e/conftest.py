"""The cluster that these tests run on: with real nodes, or as much as is true without."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator

import pytest
from storefront_dev.clusters import Cluster, resolve
from storefront_dev.embedded import EmbeddedCluster
from storefront_dev.errors import MachineError
from storefront_dev.simulated import SimulatedCluster

from tests.e2e.kubectl import Kubectl
from tests.e2e.scene import scene


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs nodes. Where pods are simulated only what is marked so is run."""
    ours = [item for item in items if "tests/e2e" in item.path.as_posix()]
    for item in ours:
        item.add_marker(pytest.mark.nodes)
    if not ours or _nodes_required():
        return
    with contextlib.suppress(MachineError):
        cluster = resolve()
        for item in ours:
            if not cluster.runs_pods and item.get_closest_marker("simulated") is None:
                item.add_marker(pytest.mark.skip(reason="needs real nodes; here pods are simulated"))


def _nodes_required() -> bool:
    return os.environ.get("REQUIRE_NODES") == "1"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster that CLUSTER names, up; else the embedded one, or simulated pods where this machine can carry
    no nodes. It is left as it was found: down, if it was down.

    REQUIRE_NODES=1 makes it a failure when there are no real nodes. KEEP_CLUSTER=1 leaves the cluster up in any
    case.
    """
    try:
        cluster = resolve()
        if not cluster.runs_pods and _nodes_required():
            pytest.fail(f"REQUIRE_NODES=1, but: {cluster.caveat}")
        was_up = cluster.status().running
        cluster.up()
    except MachineError as error:
        if _nodes_required():
            pytest.fail(f"REQUIRE_NODES=1, but {error}")
        pytest.skip(str(error))
    yield cluster
    ours = isinstance(cluster, EmbeddedCluster | SimulatedCluster)
    if ours and not was_up and os.environ.get("KEEP_CLUSTER") != "1":
        cluster.down()
        assert cluster.leftovers() == []


@pytest.fixture(scope="session")
def kubectl(cluster: Cluster) -> Kubectl:
    """kubectl for that cluster."""
    return Kubectl(cluster.kubeconfig)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a test that fails: how its cluster was at that moment."""
    report = yield
    kubectl = getattr(item, "funcargs", {}).get("kubectl")
    if report.failed and isinstance(kubectl, Kubectl):
        report.sections.append(("the cluster", scene(kubectl)))
    return report
