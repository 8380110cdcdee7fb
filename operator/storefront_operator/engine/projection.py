"""From a live object to the few facts that are kept of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from sys import intern
from typing import Any
from weakref import WeakValueDictionary

import orjson

from storefront_operator.objects import Child, ChildKey, Manifest, has_stopped, is_out_of_service, key_of
from storefront_operator.objects.fingerprint import owned_fingerprint, owns_field
from storefront_operator.objects.labels import (
    ACCESS_LIST,
    COMPONENT,
    DESIRED_HASH,
    GENERATED,
    INPUTS_HASH,
    NAME,
    REPLICATION,
    ROLE,
    STOREFRONT,
)

Facts = dict[str, Any]

_NO_FACTS: Facts = {}

_LABELS = (STOREFRONT, COMPONENT, NAME, ROLE, REPLICATION, ACCESS_LIST, GENERATED)
"""Labels that are kept."""


_NO_METRICS = "FailedGetResourceMetric"
"""Reason of an autoscaler that cannot see what pods use (kubernetes, pkg/controller/podautoscaler)."""


class _Shared(dict[str, Any]):
    """Labels or facts that equal children share; most do."""

    __slots__ = ("__weakref__",)


_labels: WeakValueDictionary[tuple[str | None, ...], _Shared] = WeakValueDictionary()
_facts: WeakValueDictionary[bytes, _Shared] = WeakValueDictionary()


def project(kind: str, live: Manifest, key: ChildKey | None = None) -> Child:
    """The projection of a live object; items of a List carry no kind of their own, so it is given.

    So is its key where somebody has it in memory already.
    """
    metadata = live["metadata"]
    annotations = metadata.get("annotations", {})
    return Child(
        key=key or key_of(live, kind),
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        labels=_kept(metadata.get("labels", {})),
        desired_hash=intern(annotations.get(DESIRED_HASH, "")),
        owned_hash=intern(owned_fingerprint(live)),
        deleting="deletionTimestamp" in metadata,
        facts=_facts_of(kind, live),
    )


def _facts_of(kind: str, live: Manifest) -> Facts:
    """The facts of a live object, in memory once for all that have the same; what a Secret holds is its own."""
    if kind not in _FACTS:
        return _NO_FACTS
    facts = _FACTS[kind](live)
    if kind == "Secret":
        return facts
    digest = hashlib.blake2b(orjson.dumps(facts), digest_size=16).digest()
    known = _facts.get(digest)
    if known is None:
        known = _facts[digest] = _Shared(facts)
    return known


def _kept(labels: Mapping[str, str]) -> Mapping[str, str]:
    values = tuple(labels.get(label) for label in _LABELS)
    known = _labels.get(values)
    if known is None:
        found = {label: value for label, value in zip(_LABELS, values, strict=True) if value is not None}
        known = _labels[values] = _Shared(found)
    return known


def _workload(live: Manifest) -> Facts:
    spec, status = live["spec"], live.get("status", {})
    return {
        "replicas": spec.get("replicas", 1),
        "total": status.get("replicas", 0),
        "updated": status.get("updatedReplicas", 0),
        "ready": status.get("readyReplicas", 0),
        "generation": live["metadata"]["generation"],
        "observedGeneration": status.get("observedGeneration", 0),
        "refused": _refused(status),
        "image": intern(spec["template"]["spec"]["containers"][0]["image"]),
        "revision": status.get("updateRevision", ""),
        "ownsReplicas": owns_field(live, "spec", "replicas"),
    }


def _autoscaler(live: Manifest) -> Facts:
    conditions = live.get("status", {}).get("conditions", ())
    return {
        "withoutMetrics": any(
            c["type"] == "ScalingActive" and c["status"] == "False" and c["reason"] == _NO_METRICS
            for c in conditions
        )
    }


def _refused(status: Mapping[str, Any]) -> str:
    """Why pods cannot even be created, such as a quota; only Deployments tell."""
    return next(
        (
            condition.get("message", "")
            for condition in status.get("conditions", ())
            if condition["type"] == "ReplicaFailure" and condition["status"] == "True"
        ),
        "",
    )


def _job(live: Manifest) -> Facts:
    status = live.get("status", {})
    failed = [c for c in status.get("conditions", ()) if c["type"] == "Failed" and c["status"] == "True"]
    return {
        "succeeded": status.get("succeeded", 0),
        "failed": (failed[0].get("message") or failed[0].get("reason")) if failed else "",
    }


def _pod(live: Manifest) -> Facts:
    status = live.get("status", {})
    conditions = {c["type"]: c for c in status.get("conditions", ())}
    scheduled = conditions.get("PodScheduled", {})
    unschedulable = scheduled.get("message", "") if scheduled.get("reason") == "Unschedulable" else ""
    return {
        "phase": intern(status.get("phase", "")),
        "reason": status.get("message") or status.get("reason", ""),
        "ready": conditions.get("Ready", {}).get("status") == "True",
        "readySince": conditions.get("Ready", {}).get("lastTransitionTime", ""),
        "unschedulable": unschedulable,
        "node": intern(live["spec"].get("nodeName", "")),
        "revision": live["metadata"].get("labels", {}).get("controller-revision-hash", ""),
        "stopped": has_stopped(live),
        "member": _member(live["metadata"].get("annotations", {}).get("status")),
        "containers": tuple(
            _container(container)
            for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
            if "waiting" in container.get("state", {})
        ),
    }


def _member(status: str | None) -> Facts | None:
    """What Patroni writes of a member into its pod's annotation `status` (patroni/ha.py, `touch_member`)."""
    if not status:
        return None
    try:
        data = orjson.loads(status)
    except ValueError:
        return None
    return {
        "timeline": data.get("timeline"),
        "position": data.get("xlog_location"),
        "streaming": data.get("replication_state") == "streaming",
    }


def _container(status: Mapping[str, Any]) -> Facts:
    waiting = status.get("state", {}).get("waiting", {})
    terminated = status.get("lastState", {}).get("terminated", {})
    return {
        "name": status["name"],
        "restarts": status.get("restartCount", 0),
        "waiting": waiting.get("reason", ""),
        "message": waiting.get("message", "")[:200],
        "exitCode": terminated.get("exitCode"),
    }


def _node(live: Manifest) -> Facts:
    conditions = live.get("status", {}).get("conditions", ())
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return {"outOfService": is_out_of_service(live), "ready": ready}


def _service(live: Manifest) -> Facts:
    ingress = live.get("status", {}).get("loadBalancer", {}).get("ingress", ())
    return {"addresses": [entry.get("ip") or entry.get("hostname") for entry in ingress]}


def _secret(live: Manifest) -> Facts:
    """Only what the operator generated itself is remembered; no other secret's content."""
    metadata = live["metadata"]
    if GENERATED not in metadata.get("labels", {}):
        return {}
    return {
        "data": live.get("data", {}),
        "inputs": metadata.get("annotations", {}).get(INPUTS_HASH, ""),
    }


_FACTS: dict[str, Callable[[Manifest], Facts]] = {
    "Deployment": _workload,
    "StatefulSet": _workload,
    "HorizontalPodAutoscaler": _autoscaler,
    "Job": _job,
    "Pod": _pod,
    "Node": _node,
    "Service": _service,
    "Secret": _secret,
}
