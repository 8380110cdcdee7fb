"""What is wrong with a pod, in words that a person on call can act on."""

from __future__ import annotations

from collections.abc import Iterable

from storefront_operator.objects import Child, Observed

_WAITING_IS_NORMAL = {"ContainerCreating", "PodInitializing", ""}


def pod_problem(pod: Child) -> str | None:
    """The reason why a pod does not start or stay up, or None when nothing speaks against it."""
    facts = pod.facts
    where = f"Pod {pod.key.namespace}/{pod.key.name}"
    if facts.get("unschedulable"):
        return f"{where} cannot be scheduled: {facts['unschedulable']}"
    for container in facts.get("containers", ()):
        waiting = container.get("waiting", "")
        if waiting not in _WAITING_IS_NORMAL:
            detail = container.get("message") or f"{container['restarts']} restarts"
            hint = (
                f"; last exit code {container['exitCode']}" if container.get("exitCode") is not None else ""
            )
            return f"{where}, container {container['name']}: {waiting} ({detail}{hint})"
    if facts.get("phase") == "Failed":
        return f"{where} failed: {facts.get('reason') or 'see its logs'}"
    return None


def is_being_created(pod: Child) -> bool:
    """Whether its containers wait for an image, a volume or an address; normal for a moment."""
    return any(
        container.get("waiting") == "ContainerCreating" for container in pod.facts.get("containers", ())
    )


def first_problem(pods: Iterable[Child]) -> str | None:
    """The first problem among pods that are not being deleted, by name."""
    for pod in sorted(pods, key=lambda pod: pod.key):
        problem = None if pod.deleting else pod_problem(pod)
        if problem:
            return problem
    return None


def unusable_secret(observed: Observed, namespace: str, name: str) -> str | None:
    """What the kubelet misses of a Secret or ConfigMap that a pod's environment is taken from, or None."""
    return next(
        (
            container["message"]
            for pod in observed.pods_of(namespace, name)
            if not pod.deleting
            for container in pod.facts.get("containers", ())
            if container["waiting"] == "CreateContainerConfigError"
        ),
        None,
    )
