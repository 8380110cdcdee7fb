"""What is said about live children."""

from __future__ import annotations

from typing import Any

import pytest
from storefront_operator.api import Storefront, parse_storefront
from storefront_operator.components import COMPONENTS, Health, Reason
from storefront_operator.components.workloads import workload_health, worst
from storefront_operator.engine.projection import project
from storefront_operator.objects import Child, Observed

NAMESPACE = "shop-services"


def live(kind: str, name: str, namespace: str = NAMESPACE, **parts: Any) -> Child:
    """A projection made from an object as the API server returns it."""
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{name}",
        "resourceVersion": "5",
        "generation": 1,
        **parts.pop("metadata", {}),
    }
    return project(kind, {"kind": kind, "metadata": metadata, **parts})


def deployment(name: str = "product", *, desired: int = 3, **status: Any) -> Child:
    counts = {
        "replicas": desired,
        "updatedReplicas": desired,
        "readyReplicas": desired,
        "observedGeneration": 1,
    }
    containers = [{"name": name, "image": f"registry.example.com/{name}:1.2"}]
    spec = {"replicas": desired, "template": {"spec": {"containers": containers}}}
    return live("Deployment", name, spec=spec, status={**counts, **status})


def pod(name: str, app: str = "product", namespace: str = NAMESPACE, **parts: Any) -> Child:
    labels = {"app.kubernetes.io/name": app, **parts.pop("labels", {})}
    status = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        **parts.pop("status", {}),
    }
    metadata = {"labels": labels, **parts.pop("metadata", {})}
    return live("Pod", name, namespace, metadata=metadata, spec={"nodeName": "node1"}, status=status)


def waiting(reason: str, message: str = "", restarts: int = 0) -> dict[str, Any]:
    container = {
        "name": "product",
        "restartCount": restarts,
        "state": {"waiting": {"reason": reason, "message": message}},
        "lastState": {"terminated": {"exitCode": 3}} if restarts else {},
    }
    return {"phase": "Pending", "conditions": [], "containerStatuses": [container]}


def judged(*children: Child) -> Health:
    return workload_health(observed(*children), "Deployment", NAMESPACE, "product")


def observed(*children: Child) -> Observed:
    return Observed({child.key: child for child in children})


def shop(**status: Any) -> Storefront:
    resource = {
        "apiVersion": "storefront.dev/v1alpha1",
        "kind": "Storefront",
        "metadata": {"name": "shop", "uid": "u", "generation": 1},
        "spec": {"domain": "shop.example.com"},
        "status": status,
    }
    return parse_storefront(resource)


def component(name: str) -> Any:
    return next(each for each in COMPONENTS if each.name == name)


def test_a_complete_deployment_is_as_desired() -> None:
    health = judged(deployment())

    assert (health.ready, health.reason, health.progressing) == (True, Reason.AS_DESIRED, False)
    assert health.facts == {"ready": 3, "desired": 3, "version": "1.2"}


@pytest.mark.parametrize(
    ("status", "ready", "reason"),
    [
        ({"readyReplicas": 0}, False, Reason.PROVISIONING),
        ({"readyReplicas": 2}, True, Reason.DEGRADED),
        ({"updatedReplicas": 1}, True, Reason.ROLLING_OUT),
        ({"replicas": 4}, True, Reason.ROLLING_OUT),
        ({"observedGeneration": 0}, True, Reason.ROLLING_OUT),
    ],
)
def test_an_incomplete_deployment_is_progressing(status: dict[str, int], ready: bool, reason: Reason) -> None:
    health = judged(deployment(**status))

    assert (health.ready, health.reason, health.progressing) == (ready, reason, True)


def test_a_missing_deployment_is_provisioning() -> None:
    assert judged().reason is Reason.PROVISIONING


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (waiting("CrashLoopBackOff", restarts=7), "CrashLoopBackOff (7 restarts; last exit code 3)"),
        (waiting("ImagePullBackOff", "image not found"), "ImagePullBackOff (image not found)"),
        (waiting("CreateContainerConfigError", "secret missing"), "secret missing"),
        (
            {
                "phase": "Pending",
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes",
                    }
                ],
            },
            "cannot be scheduled: 0/3 nodes",
        ),
    ],
)
def test_a_failing_pod_is_named_with_what_is_wrong(status: dict[str, Any], says: str) -> None:
    health = judged(deployment(readyReplicas=0), pod("product-1", status=status))

    assert health.reason is Reason.POD_FAILING
    assert health.message.startswith(f"Pod {NAMESPACE}/product-1")
    assert says in health.message


def test_pods_that_are_not_even_created_are_told_of() -> None:
    refusal = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": 'pods "product-7d" is forbidden: exceeded quota: small',
    }
    health = judged(deployment(readyReplicas=0, updatedReplicas=0, conditions=[refusal]))

    assert health.reason is Reason.POD_FAILING
    assert "pods cannot be created: " in health.message
    assert "exceeded quota: small" in health.message


def test_a_starting_pod_is_no_failure() -> None:
    health = judged(deployment(readyReplicas=0), pod("product-1", status=waiting("ContainerCreating")))

    assert health.reason is Reason.PROVISIONING


def test_another_components_failing_pod_does_not_count() -> None:
    failing = pod("web-1", app="web", status=waiting("CrashLoopBackOff"))

    assert judged(deployment(readyReplicas=2), failing).reason is Reason.DEGRADED


def test_a_pod_that_is_stuck_terminating_counts() -> None:
    leaving = pod("product-1", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    pods = [pod("product-2"), pod("product-3"), leaving]

    health = judged(deployment(), *pods)

    assert health.reason is Reason.DEGRADED
    assert "product-1 is terminating" in health.message


class TestPostgres:
    def health(self, *children: Child, done: bool = True) -> Health:
        storefront = shop()
        postgres = component("postgres")
        (job,) = postgres.jobs(storefront, observed(*children))
        if done:
            storefront = shop(completedJobs={job.name: job.version})
        health: Health = postgres.health(storefront, observed(*children))
        return health

    def members(self, ready: int = 3) -> Child:
        spec = {"replicas": 3, "template": {"spec": {"containers": [{"image": "pg:15"}]}}}
        status = {"replicas": 3, "updatedReplicas": 3, "readyReplicas": ready, "observedGeneration": 1}
        return live("StatefulSet", "postgres", "shop-data", spec=spec, status=status)

    def member(self, number: int, role: str, *, ready: bool = True, says: str = "") -> Child:
        metadata = {"labels": {"app.kubernetes.io/name": "postgres", "role": role}}
        metadata["annotations"] = {"status": says} if says else {}
        status = {"conditions": [{"type": "Ready", "status": str(ready)}]}
        return pod(f"postgres-{number}", "postgres", "shop-data", metadata=metadata, status=status)

    def test_replication_is_told_from_what_the_members_say(self) -> None:
        mebibyte = 1024 * 1024
        streaming = (
            '{"state": "running", "replication_state": "streaming", "timeline": 4, "xlog_location": %d}'
        )
        members = [
            self.member(0, "primary", says=f'{{"timeline": 4, "xlog_location": {100 * mebibyte}}}'),
            self.member(1, "replica", says=streaming % (99 * mebibyte)),
            self.member(2, "replica", says=streaming % (50 * mebibyte)),
        ]

        facts = self.health(self.members(), *members).facts

        assert (facts["timeline"], facts["replicas"], facts["lag"]) == (4, 2, "48Mi")

    def test_a_small_distance_is_no_lag_and_a_copying_member_no_replica(self) -> None:
        members = [
            self.member(0, "primary", says='{"timeline": 1, "xlog_location": 5000}'),
            self.member(1, "replica", says='{"replication_state": "streaming", "xlog_location": 4000}'),
            self.member(2, "replica", says='{"state": "creating replica"}'),
        ]

        facts = self.health(self.members(), *members).facts

        assert (facts["replicas"], facts["lag"]) == (1, "0")

    def test_the_primary_is_told(self) -> None:
        members = [self.member(0, "replica"), self.member(1, "primary"), self.member(2, "replica")]

        health = self.health(self.members(), *members)

        assert health.ready
        assert health.facts["primary"] == "postgres-1"

    def test_without_a_primary_it_is_failing_over(self) -> None:
        health = self.health(
            self.members(2), self.member(0, "primary", ready=False), self.member(1, "replica")
        )

        assert (health.ready, health.reason) == (False, Reason.FAILING_OVER)
        assert "primary" not in health.facts

    def test_before_the_first_primary_it_is_provisioning(self) -> None:
        assert self.health(self.members(0), done=False).reason is Reason.PROVISIONING

    def test_without_its_databases_it_is_not_complete(self) -> None:
        health = self.health(self.members(), self.member(0, "primary"), done=False)

        assert (health.progressing, health.reason) == (True, Reason.MIGRATING)

    def test_a_failed_job_is_told(self) -> None:
        (job,) = component("postgres").jobs(shop(), Observed())
        condition = {"type": "Failed", "status": "True", "message": "backoff limit exceeded"}
        failed = live("Job", job.object_name, "shop-data", status={"conditions": [condition]})

        health = self.health(self.members(), self.member(0, "primary"), failed, done=False)

        assert health.reason is Reason.JOB_FAILED
        assert "backoff limit exceeded" in health.message


@pytest.mark.parametrize(("ready", "serves"), [(3, True), (0, False)])
def test_a_migration_does_not_take_away_what_the_old_pods_give(ready: int, serves: bool) -> None:
    health = component("product").health(shop(), observed(deployment(readyReplicas=ready)))

    assert health.ready is serves
    assert health.progressing


class TestIngress:
    def health(self, *addresses: dict[str, str]) -> Health:
        spec = {"replicas": 1, "template": {"spec": {"containers": [{"image": "nginx:1"}]}}}
        status = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "observedGeneration": 1}
        running = live("Deployment", "ingress", "shop-edge", spec=spec, status=status)
        service = live(
            "Service", "ingress", "shop-edge", status={"loadBalancer": {"ingress": list(addresses)}}
        )
        health: Health = component("ingress").health(shop(), observed(running, service))
        return health

    def test_a_pending_address_says_what_to_do(self) -> None:
        health = self.health()

        assert (health.ready, health.reason) == (False, Reason.ADDRESS_PENDING)
        assert "MetalLB" in health.message

    @pytest.mark.parametrize("address", [{"ip": "192.0.2.1"}, {"hostname": "lb.example.com"}])
    def test_an_address_or_a_host_name_will_do(self, address: dict[str, str]) -> None:
        assert self.health(address).ready


def test_a_roll_says_what_it_waits_for() -> None:
    pods = Health(True, Reason.ROLLING_OUT, "2 of 3 pods updated", True)

    assert worst(pods, Health(True, Reason.AS_DESIRED, "green")).message == "2 of 3 pods updated"
    assert (
        worst(pods, Health(True, Reason.DEGRADED, "rabbitmq-0 is cut off", True)).message
        == "2 of 3 pods updated; waits: rabbitmq-0 is cut off"
    )
