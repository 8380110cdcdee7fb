"""What controllers and kubelets would add to a fleet: pods, claims and the statuses that make a Storefront Ready.

Their real counterparts are left out, for they would compete with the operator for the processor. What the operator
sees of them, and has to keep in mind, is the same: each pod is made from the template of its workload.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from storefront_operator.client import Client, resource_of
from storefront_operator.objects.labels import REPLICATION, ROLE, STOREFRONT

from bench.bare_client import send_all
from bench.fleet import Fleet
from bench.recording import Request

_NOW = "2026-01-01T00:00:00Z"
_MERGE_PATCH = "application/merge-patch+json"
_JSON = "application/json"
_IN_FLIGHT = 32

Json = dict[str, Any]


async def bring_up(fleet: Fleet, names: list[str]) -> int:
    """Let the Storefronts become Ready; returns how many pods and claims that took."""
    client = fleet.cluster.client
    made = [request for name in names for request in _objects(fleet.recording.of(name))]
    await send_all(client, made, _IN_FLIGHT)
    statuses = [request for name in names for request in _statuses(fleet.recording.of(name))]
    await send_all(client, [*statuses, *[_finished(job) async for job in _jobs(client)]], _IN_FLIGHT)
    return len(made)


def _objects(children: list[Request]) -> Iterator[Request]:
    for child, name in _pod_names(children):
        manifest = child.manifest
        template = manifest["spec"]["template"]
        pod_spec = json.loads(json.dumps(template["spec"]))
        for claim in manifest["spec"].get("volumeClaimTemplates", ()):
            claim_name = f"{claim['metadata']['name']}-{name}"
            labels = {**claim["metadata"].get("labels", {}), **_selecting_labels(template)}
            metadata = {"name": claim_name, "labels": labels}
            yield _post(child, "PersistentVolumeClaim", {"metadata": metadata, "spec": claim["spec"]})
            source = {"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": claim_name}}
            pod_spec.setdefault("volumes", []).append(source)
        labels = {**template["metadata"]["labels"], "pod-template-hash": "simulated"}
        if child.kind == "StatefulSet":
            labels |= (
                {ROLE: "primary"} if name == f"{child.name}-0" else {ROLE: "replica", REPLICATION: "linked"}
            )
        yield _post(
            child,
            "Pod",
            {"metadata": {**template["metadata"], "name": name, "labels": labels}, "spec": pod_spec},
        )


def _statuses(children: list[Request]) -> Iterator[Request]:
    for child, name in _pod_names(children):
        spec = child.manifest["spec"]["template"]["spec"]
        yield _status(resource_of("Pod").path(child.namespace, name), "Pod", _running(spec))
    for child in children:
        if child.kind in ("Deployment", "StatefulSet"):
            replicas = child.manifest["spec"]["replicas"]
            counts = {"replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas}
            yield _of(child, {**counts, "availableReplicas": replicas, "observedGeneration": 1})
        elif child.kind == "Service" and child.manifest["spec"].get("type") == "LoadBalancer":
            yield _of(child, {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}})


def _pod_names(children: list[Request]) -> Iterator[tuple[Request, str]]:
    for child in children:
        if child.kind in ("Deployment", "StatefulSet"):
            for number in range(child.manifest["spec"]["replicas"]):
                yield child, f"{child.name}-{number}"


def _selecting_labels(template: Mapping[str, Any]) -> Json:
    """The label by which the operator finds claims."""
    return {STOREFRONT: template["metadata"]["labels"][STOREFRONT]}


def _running(spec: Mapping[str, Any]) -> Json:
    def containers(section: str) -> list[Json]:
        return [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": True,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": _NOW}},
            }
            for container in spec.get(section, ())
        ]

    conditions = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    return {
        "phase": "Running",
        "conditions": [{"type": kind, "status": "True", "lastTransitionTime": _NOW} for kind in conditions],
        "podIP": "192.0.2.2",
        "initContainerStatuses": containers("initContainers"),
        "containerStatuses": containers("containers"),
    }


async def _jobs(client: Client) -> Any:
    async for page in client.list_pages(resource_of("Job"), STOREFRONT):
        for job in page["items"]:
            if not job.get("status", {}).get("succeeded"):
                yield job


def _finished(job: Mapping[str, Any]) -> Request:
    metadata = job["metadata"]
    conditions = [
        {"type": kind, "status": "True", "lastProbeTime": _NOW, "lastTransitionTime": _NOW}
        for kind in ("SuccessCriteriaMet", "Complete")
    ]
    status = {"startTime": _NOW, "completionTime": _NOW, "succeeded": 1, "conditions": conditions}
    path = resource_of("Job").path(metadata["namespace"], metadata["name"])
    return _status(path, "Job", status)


def _post(owner: Request, kind: str, manifest: Json) -> Request:
    resource = resource_of(kind)
    body = {"apiVersion": resource.group_version, "kind": kind, **manifest}
    path = resource.path(owner.namespace)
    name = manifest["metadata"]["name"]
    return Request(kind, owner.namespace, name, "POST", path, _JSON, json.dumps(body).encode())


def _of(child: Request, status: Json) -> Request:
    return _status(resource_of(child.kind).path(child.namespace, child.name), child.kind, status)


def _status(path: str, kind: str, status: Json) -> Request:
    body = json.dumps({"status": status}).encode()
    return Request(kind, "", "", "PATCH", f"{path}/status", _MERGE_PATCH, body)
