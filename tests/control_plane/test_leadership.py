"""Two operators on one cluster: one works, the other takes over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control_plane.harness import Cluster, Operator, eventually

pytestmark = pytest.mark.control_plane

LEASE = "default/storefront-operator-test"


@pytest.fixture
def candidates(cluster: Cluster, tmp_path: Path) -> Iterator[list[Operator]]:
    """Two operators that want the same lease, one after the other."""
    found = [Operator(cluster.kubeconfig, tmp_path / f"{name}.log", lease=LEASE) for name in ("one", "two")]
    yield found
    for operator in found:
        operator.stop(kill=True)
    cluster.kubectl("delete", "lease", LEASE.split("/")[1], "--ignore-not-found")


def leads(operator: Operator) -> bool:
    return '"leading"' in operator.log()


def test_only_one_works_and_a_killed_leader_is_replaced_within_20_seconds(candidates: list[Operator]) -> None:
    one, two = candidates
    one.launch()
    eventually(lambda: leads(one), "the first leads", detail=one.log)
    two.launch()
    eventually(lambda: "waiting to lead" in two.log(), "the second waits", detail=two.log)
    assert not leads(two)

    one.stop(kill=True)
    killed = time.monotonic()
    eventually(lambda: leads(two), "the second leads", detail=two.log)

    assert time.monotonic() - killed < 20


def test_a_leader_that_stops_hands_over_at_once(candidates: list[Operator]) -> None:
    one, two = candidates
    one.launch()
    eventually(lambda: leads(one), "the first leads", detail=one.log)
    two.launch()
    eventually(lambda: "waiting to lead" in two.log(), "the second waits", detail=two.log)

    one.stop()
    stopped = time.monotonic()
    eventually(lambda: leads(two), "the second leads", detail=two.log)

    assert time.monotonic() - stopped < 10, one.log()


def test_a_leader_that_loses_the_lease_ends(cluster: Cluster, candidates: list[Operator]) -> None:
    one, _ = candidates
    one.launch()
    eventually(lambda: leads(one), "it leads", detail=one.log)

    taken = '{"spec":{"holderIdentity":"somebody-else","renewTime":"2026-01-01T00:00:00.000000Z"}}'
    namespace, name = LEASE.split("/")
    cluster.kubectl("patch", "lease", name, f"--namespace={namespace}", "--type=merge", "-p", taken)

    eventually(lambda: one.exit_code() is not None, "it ends", detail=one.log)
    assert one.exit_code() == 1
    assert "somebody-else" in one.log()
