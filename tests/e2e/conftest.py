"""The cluster with real nodes that these tests run on."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from storefront_dev.clusters import Cluster, resolve
from storefront_dev.embedded import EmbeddedCluster
from storefront_dev.errors import MachineError

from tests.e2e.kubectl import Kubectl


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs nodes."""
    for item in items:
        if "tests/e2e" in item.path.as_posix():
            item.add_marker(pytest.mark.nodes)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster that CLUSTER names, up; else the embedded one. It is left as it was found: down, if it
    was down.

    Where this machine can carry no nodes the tests are skipped, unless REQUIRE_NODES=1 makes that a
    failure. KEEP_CLUSTER=1 leaves the cluster up in any case.
    """
    try:
        cluster = resolve()
        was_up = cluster.status().running
        cluster.up()
    except MachineError as error:
        if os.environ.get("REQUIRE_NODES") == "1":
            pytest.fail(f"REQUIRE_NODES=1, but {error}")
        pytest.skip(str(error))
    yield cluster
    if isinstance(cluster, EmbeddedCluster) and not was_up and os.environ.get("KEEP_CLUSTER") != "1":
        cluster.down()
        assert cluster.leftovers() == []


@pytest.fixture(scope="session")
def kubectl(cluster: Cluster) -> Kubectl:
    """kubectl for that cluster."""
    return Kubectl(cluster.kubeconfig)
