"""Health of Deployments and StatefulSets and of once-only Jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from storefront_operator.api import Storefront
from storefront_operator.components.base import Health, OnceJob, Reason
from storefront_operator.components.pods import first_problem
from storefront_operator.objects import Child, ChildKey, Observed

_ENDED = ("Succeeded", "Failed")


def workload_health(
    observed: Observed, kind: str, namespace: str, name: str, *, majority: bool = False
) -> Health:
    """Judge a Deployment or StatefulSet by its status and its pods; one pod serves, or a `majority` is needed.

    Follows kstatus (sigs.k8s.io/cli-utils): current generation observed, all replicas updated and available.
    """
    child = observed.get(kind, namespace, name)
    where = f"{kind} {namespace}/{name}"
    if child is None:
        return Health(False, Reason.PROVISIONING, f"{where} is not created yet", progressing=True)
    facts = child.facts
    desired, ready = facts["replicas"], facts["ready"]
    serves = ready > (desired // 2 if majority else 0)
    numbers = {"ready": ready, "desired": desired, "version": _version(facts["image"])}
    pods = observed.pods_of(namespace, name)
    problem = first_problem(pods)
    if problem and ready < desired:
        return Health(serves, Reason.POD_FAILING, problem, progressing=True, facts=numbers)
    if facts.get("refused") and ready < desired:
        refused = f"{where}: pods cannot be created: {facts['refused']}"
        return Health(serves, Reason.POD_FAILING, refused, progressing=True, facts=numbers)
    if facts["observedGeneration"] < facts["generation"]:
        return Health(serves, Reason.ROLLING_OUT, f"{where}: change not picked up yet", True, numbers)
    if facts["updated"] < desired or facts["total"] > desired:
        return Health(
            serves,
            _starting(ready),
            f"{where}: {facts['updated']} of {desired} pods updated",
            True,
            numbers,
        )
    if ready < desired:
        reason = Reason.DEGRADED if ready else Reason.PROVISIONING
        return Health(serves, reason, f"{where}: {ready} of {desired} pods ready", True, numbers)
    terminating = sorted(pod.key.name for pod in pods if pod.deleting)
    if len(terminating) and len(pods) - len(terminating) < desired:
        return Health(serves, Reason.DEGRADED, f"{where}: Pod {terminating[0]} is terminating", True, numbers)
    return Health(True, Reason.AS_DESIRED, f"{ready} of {desired} pods ready", facts=numbers)


def job_health(
    storefront: Storefront, observed: Observed, jobs: Sequence[OnceJob], *, serving: bool
) -> Health | None:
    """What is to be said about once-only Jobs that are not done: failed or still running; None when all are.

    `serving` tells whether the component does its job meanwhile, as the old pods do during an upgrade.
    """
    for job in jobs:
        if job.is_done(storefront):
            continue
        child = observed.get("Job", job.namespace, job.object_name)
        where = f"Job {job.namespace}/{job.object_name}"
        if child is not None and child.facts["failed"]:
            return Health(
                serving,
                Reason.JOB_FAILED,
                f"{where} has failed: {child.facts['failed']}; read the logs of its pods, it is tried again",
                progressing=True,
            )
        if child is None or not child.facts["succeeded"]:
            return Health(serving, Reason.MIGRATING, f"{where} has not finished yet", progressing=True)
    return None


def worst(*judgements: Health | None) -> Health:
    """The judgement that matters most: not ready before progressing before fine. The numbers are everybody's.

    A rolling change goes on when the store is well: what it waits for is told with it.
    """
    present = [health for health in judgements if health is not None]
    chosen = min(present, key=lambda health: (health.ready, not health.progressing))
    facts = {name: value for health in present for name, value in health.facts.items()}
    message = chosen.message
    if chosen.reason is Reason.ROLLING_OUT:
        message += "".join(f"; waits: {each.message}" for each in present if each.reason is Reason.DEGRADED)
    return replace(chosen, message=message, facts=facts)


def rolled_out_image(observed: Observed, namespace: str, name: str) -> str | None:
    """Image of the live Deployment's main container, or None when there is no Deployment."""
    child: Child | None = observed.get("Deployment", namespace, name)
    return None if child is None else child.facts["image"]


def is_rolled_out(observed: Observed, key: ChildKey) -> bool:
    """Whether every pod of a workload, ending ones included, is one of its present template and ready."""
    workload = observed.children.get(key)
    if workload is None or workload.deleting:
        return False
    facts = workload.facts
    pods = [pod for pod in observed.pods_of(key.namespace, key.name) if pod.facts["phase"] not in _ENDED]
    return (
        facts["observedGeneration"] >= facts["generation"]
        and facts["updated"] == facts["total"] == facts["ready"] == facts["replicas"] == len(pods)
        and not any(pod.deleting for pod in pods)
    )


def _starting(ready: int) -> Reason:
    return Reason.ROLLING_OUT if ready else Reason.PROVISIONING


def _version(image: str) -> str:
    return image.rpartition(":")[2] if ":" in image.rpartition("/")[2] else image
