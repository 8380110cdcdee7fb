"""Who says how many pods a service has, on a real API server with the real autoscaler, which has no metrics here."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control_plane.harness import LONG, Cluster, Operator, eventually

pytestmark = pytest.mark.control_plane

OPERATOR = "storefront-operator"


def deployment(cluster: Cluster, name: str) -> dict[str, Any]:
    return cluster.get("apps/v1", "Deployment", "order", f"{name}-services") or {}


def replicas(cluster: Cluster, name: str) -> int | None:
    found: int | None = deployment(cluster, name).get("spec", {}).get("replicas")
    return found


def owners(cluster: Cluster, name: str) -> set[str]:
    """Who owns the number of replicas."""
    return {
        entry["manager"]
        for entry in deployment(cluster, name)["metadata"]["managedFields"]
        if "f:replicas" in entry.get("fieldsV1", {}).get("f:spec", {})
    }


def has_autoscaler(cluster: Cluster, name: str) -> bool:
    return cluster.get("autoscaling/v2", "HorizontalPodAutoscaler", "order", f"{name}-services") is not None


def scaled_down(cluster: Cluster, name: str) -> list[str]:
    """What the Deployment's controller tells of taking pods away."""
    events = cluster.list("v1", "Event", namespace=f"{name}-services")
    return [e["message"] for e in events if e["message"].startswith("Scaled down replica set order-")]


def order(manifest: dict[str, Any], **block: Any) -> dict[str, Any]:
    """The manifest with that block for the order service."""
    services = {**manifest["spec"]["services"], "order": block}
    return {**manifest, "spec": {**manifest["spec"], "services": services}}


def test_a_number_that_was_chosen_stays_through_changes_of_the_spec(
    cluster: Cluster, operator: Operator, manifest: dict[str, Any], name: str
) -> None:
    on = {"autoscaling": {"enabled": True, "minReplicas": 2, "maxReplicas": 6}}
    cluster.apply(order(manifest, **on))
    eventually(lambda: has_autoscaler(cluster, name), "there is an autoscaler", detail=operator.log)
    eventually(lambda: replicas(cluster, name) == 2, "it starts with the least number")
    assert owners(cluster, name) == {OPERATOR}

    # As the autoscaler does it.
    where = ("deployment", "order", f"--namespace={name}-services")
    done = cluster.kubectl("scale", *where, "--replicas=5")
    assert done.returncode == 0, done.stderr
    eventually(lambda: OPERATOR not in owners(cluster, name), "the operator lets go", detail=operator.log)
    assert replicas(cluster, name) == 5

    variable = {"name": "CHANGED", "value": "yes"}
    cluster.apply(order(manifest, **on, extraEnv=[variable]))

    def changed() -> bool:
        env = deployment(cluster, name)["spec"]["template"]["spec"]["containers"][0]["env"]
        return variable in env

    eventually(changed, "the change has arrived", detail=operator.log)
    assert replicas(cluster, name) == 5
    assert cluster.events(name, "DriftReverted") == []

    cluster.apply(order(manifest, replicas=3))
    eventually(lambda: replicas(cluster, name) == 3, "without it the spec says how many", detail=operator.log)
    eventually(lambda: not has_autoscaler(cluster, name), "the autoscaler is gone", detail=operator.log)


def test_switched_on_it_takes_over_without_a_pod_less(
    cluster: Cluster, operator: Operator, manifest: dict[str, Any], name: str
) -> None:
    cluster.apply(order(manifest, replicas=4))
    eventually(lambda: replicas(cluster, name) == 4, "four are there", detail=operator.log)

    cluster.apply(order(manifest, autoscaling={"enabled": True, "minReplicas": 5, "maxReplicas": 8}))

    eventually(lambda: replicas(cluster, name) == 5, "the autoscaler has raised it", 2 * LONG, operator.log)
    eventually(lambda: OPERATOR not in owners(cluster, name), "the operator lets go", detail=operator.log)
    assert scaled_down(cluster, name) == []


def test_a_deleted_deployment_comes_back_with_the_least_number(
    cluster: Cluster, operator: Operator, manifest: dict[str, Any], name: str
) -> None:
    cluster.apply(order(manifest, autoscaling={"enabled": True, "minReplicas": 3, "maxReplicas": 8}))
    eventually(lambda: replicas(cluster, name) == 3, "it starts with the least number", detail=operator.log)
    before = deployment(cluster, name)["metadata"]["uid"]

    cluster.kubectl("delete", "deployment", "order", f"--namespace={name}-services")

    def back() -> bool:
        live = deployment(cluster, name)
        return bool(live) and live["metadata"]["uid"] != before

    eventually(back, "it is there again", detail=operator.log)
    assert replicas(cluster, name) == 3
