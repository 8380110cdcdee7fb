"""Health of Deployments and StatefulSets and of once-only Jobs."""

from __future__ import annotations

from collections.abc import Sequence

from storefront_operator.api import Storefront
from storefront_operator.components.base import Health, OnceJob, Reason
from storefront_operator.components.pods import first_problem
from storefront_operator.objects import Child, Observed
from storefront_operator.objects.labels import NAME


def workload_health(observed: Observed, kind: str, namespace: str, name: str) -> Health:
    """Judge a Deployment or StatefulSet by its status and its pods.

    Follows kstatus (sigs.k8s.io/cli-utils): current generation observed, all replicas updated and available.
    """
    child = observed.get(kind, namespace, name)
    where = f"{kind} {namespace}/{name}"
    if child is None:
        return Health(False, Reason.PROVISIONING, f"{where} is not created yet", progressing=True)
    facts = child.facts
    desired, ready = facts["replicas"], facts["ready"]
    numbers = {"ready": ready, "desired": desired, "version": _version(facts["image"])}
    pods = [pod for pod in observed.of_kind("Pod", namespace) if pod.labels.get(NAME) == name]
    problem = first_problem(pods)
    if problem and ready < desired:
        return Health(ready > 0, Reason.POD_FAILING, problem, progressing=True, facts=numbers)
    if facts.get("refused") and ready < desired:
        refused = f"{where}: pods cannot be created: {facts['refused']}"
        return Health(ready > 0, Reason.POD_FAILING, refused, progressing=True, facts=numbers)
    if facts["observedGeneration"] < facts["generation"]:
        return Health(ready > 0, Reason.ROLLING_OUT, f"{where}: change not picked up yet", True, numbers)
    if facts["updated"] < desired or facts["total"] > desired:
        return Health(
            ready > 0,
            _starting(ready),
            f"{where}: {facts['updated']} of {desired} pods updated",
            True,
            numbers,
        )
    if ready < desired:
        reason = Reason.DEGRADED if ready else Reason.PROVISIONING
        return Health(ready > 0, reason, f"{where}: {ready} of {desired} pods ready", True, numbers)
    terminating = sorted(pod.key.name for pod in pods if pod.deleting)
    if len(terminating) and len(pods) - len(terminating) < desired:
        return Health(
            ready > 0, Reason.DEGRADED, f"{where}: Pod {terminating[0]} is terminating", True, numbers
        )
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
    """The judgement that matters most: not ready before progressing before fine. The numbers are everybody's."""
    present = [health for health in judgements if health is not None]
    chosen = min(present, key=lambda health: (health.ready, not health.progressing))
    facts = {name: value for health in present for name, value in health.facts.items()}
    return Health(chosen.ready, chosen.reason, chosen.message, chosen.progressing, facts)


def rolled_out_image(observed: Observed, namespace: str, name: str) -> str | None:
    """Image of the live Deployment's main container, or None when there is no Deployment."""
    child: Child | None = observed.get("Deployment", namespace, name)
    return None if child is None else child.facts["image"]


def _starting(ready: int) -> Reason:
    return Reason.ROLLING_OUT if ready else Reason.PROVISIONING


def _version(image: str) -> str:
    return image.rpartition(":")[2] if ":" in image.rpartition("/")[2] else image
