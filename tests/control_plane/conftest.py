"""A real API server without nodes, the CRD in it, and the operator as a process beside it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from storefront_dev.control_plane import ControlPlane

from tests.control_plane.harness import ROOT, Cluster, Operator

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane with the CRD established; shared by all tests, each has its own Storefront."""
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as control_plane:
        cluster = Cluster(control_plane.kubeconfig)
        cluster.install_crd()
        yield cluster


@pytest.fixture(scope="session")
def operator(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """A running operator; a test that stops it starts it again."""
    operator = Operator(cluster.kubeconfig, tmp_path_factory.mktemp("operator") / "operator.log")
    operator.start()
    yield operator
    operator.stop()


@pytest.fixture
def name(cluster: Cluster) -> Iterator[str]:
    """A Storefront name of the test's own; what it created is deleted at the end."""
    name = f"shop-{next(_numbers)}"
    yield name
    cluster.kubectl("delete", "storefront", name, "--ignore-not-found", "--wait=false")


@pytest.fixture
def manifest(name: str) -> dict[str, Any]:
    """The quickstart example under the test's own name."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "examples/quickstart.yaml").read_text())
    document["metadata"]["name"] = name
    return document
