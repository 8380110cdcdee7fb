"""A Storefront on the embedded cluster with a client on every node; the table is printed at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from storefront_dev import platform
from storefront_dev.clusters import resolve
from storefront_dev.demo import wait_ready
from storefront_dev.embedded import EmbeddedCluster
from storefront_dev.errors import MachineError
from storefront_dev.folders import REPOSITORY
from storefront_dev.images import builder, catalogue
from storefront_dev.progress import Progress

from tests.chaos.stores.account import Table
from tests.chaos.stores.trial import Trial
from tests.e2e.kubectl import Kubectl

_STOREFRONT = REPOSITORY / "tests/e2e/ha.yaml"
_TABLE = Table()


@pytest.fixture(scope="session")
def cluster() -> Iterator[EmbeddedCluster]:
    """The embedded cluster, up; it is left as it was found. KEEP_CLUSTER=1 leaves it up in any case."""
    try:
        found = _embedded()
        was_up = found.status().running
        platform.provide_images(found, Progress())
        (clients,) = builder.build([catalogue.STORE_CLIENTS], Progress())
        assert clients.record is not None, clients.error
        found.load_images([clients.record.archive])
        found.up()
    except MachineError as error:
        if os.environ.get("REQUIRE_NODES") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    yield found
    if not was_up and os.environ.get("KEEP_CLUSTER") != "1":
        found.down()


def _embedded() -> EmbeddedCluster:
    found = resolve()
    if isinstance(found, EmbeddedCluster):
        return found
    raise MachineError([f"nodes that are switched off and cut off, which {found.name} does not have"])


@pytest.fixture(scope="session")
def trial(cluster: EmbeddedCluster) -> Iterator[Trial]:
    """The Storefront of tests/e2e/ha.yaml, Ready and written to."""
    progress = Progress()
    platform.install_operator(cluster, progress)
    platform.run(cluster, "apply", "-f", str(_STOREFRONT))
    name = yaml.safe_load(_STOREFRONT.read_text())["metadata"]["name"]
    wait_ready(cluster, name, progress)
    trial = Trial(cluster, Kubectl(cluster.kubeconfig), name, _TABLE)
    yield trial
    trial.close()
    if os.environ.get("KEEP_CLUSTER") != "1":
        platform.run(cluster, "delete", "storefront", name)
        platform.run(cluster, "delete", "namespace", f"{name}-data", "--ignore-not-found")


@pytest.fixture(scope="session")
def table() -> Table:
    """Where every fault's cost is."""
    return _TABLE


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table."""
    if _TABLE.costs:
        terminalreporter.section("what faults cost the stores")
        terminalreporter.write_line("\n".join(_TABLE.lines()))
