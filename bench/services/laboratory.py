"""What the benchmark needs on the cluster: a Storefront of its own, where load comes from, and the peers.

The Storefront is the quickstart example with traces switched on; all spans go to a collector. Load comes from a pod in
a namespace of its own, straight to the pods of a service and of its peer. Peers are made of the Deployments' own pod
templates: the same image, resources, settings and login, and the same network policies. In the end all of it goes away.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import yaml
from storefront_dev import demo, platform
from storefront_dev.clusters import Cluster
from storefront_dev.demo import EXAMPLE
from storefront_dev.errors import ClusterError
from storefront_dev.progress import Progress

from bench.services import load, pods
from bench.services.pods import Pod

NAME = "bench"
DOMAIN = f"{NAME}.localhost"
SERVICES = ("user", "product", "order", "payment", "notification")
PEERS = ("product", "order")
"""Services that have a peer."""

_LABORATORY = "storefront-bench"
"""Namespace of what belongs to no Storefront."""
_SERVICES = f"{NAME}-services"
_LOAD, _COLLECTOR = "load", "collector"
_COLLECTOR_PORT = 4318
_PROGRAMS = ("schedule.py", "load.py", "collector.py", "peer.py")
_FOLDER = "/bench"
_FETCH = """
import json, sys, urllib.request
given = json.load(sys.stdin)
print(urllib.request.urlopen(urllib.request.Request(**given), timeout=10).read().decode())
"""
_COMPONENT = "app.kubernetes.io/component"
_NAME_LABEL = "app.kubernetes.io/name"

Manifest = dict[str, Any]


class Laboratory:
    """The benchmark's objects on a cluster."""

    def __init__(self, cluster: Cluster, progress: Progress) -> None:
        self.cluster = cluster
        self._progress = progress

    def open(self) -> None:
        """Return when the Storefront is Ready and everything else runs. Raises ClusterError."""
        if not self.cluster.runs_pods:
            raise ClusterError("services can only be measured where pods run; name a cluster with CLUSTER")
        platform.provide_images(self.cluster, self._progress)
        self.cluster.up()
        platform.install_operator(self.cluster, self._progress)
        demo.apply(self.cluster, _storefront(), self._progress)
        demo.wait_ready(self.cluster, NAME, self._progress)
        self._progress("starting the load's pod, the collector and the peers")
        product = pods.template_of(self.cluster, _SERVICES, "product")
        templates = {name: pods.template_of(self.cluster, _SERVICES, name) for name in PEERS}
        self._remove_pods()
        self._apply(
            [
                _namespace(),
                _programs(_LABORATORY),
                _programs(_SERVICES),
                *_policies(),
                _pod(product, _LOAD, ["sleep", "infinity"]),
                _pod(product, _COLLECTOR, _server("collector", _COLLECTOR_PORT, "--lifespan=off")),
                _collector_service(),
                *(_peer(template, name) for name, template in templates.items()),
            ]
        )
        started = {_LABORATORY: (_LOAD, _COLLECTOR), _SERVICES: tuple(map(_peer_name, PEERS))}
        for namespace, names in started.items():
            wait = ("wait", "--for=condition=Ready", "pod", *names, f"--namespace={namespace}")
            platform.run(self.cluster, *wait, "--timeout=180s")

    def close(self) -> None:
        """Remove everything again, the Storefront's data included."""
        self._progress("removing the benchmark's Storefront")
        gone = ("--ignore-not-found", "--timeout=180s")
        platform.run(self.cluster, "delete", "storefront", NAME, *gone)
        platform.run(self.cluster, "delete", "namespace", f"{NAME}-data", _LABORATORY, *gone)

    def send(self, plan: load.Plan) -> load.Outcome:
        """Let the load's pod carry out a plan."""
        (sender,) = pods.find(self.cluster, _LABORATORY, f"{_NAME_LABEL}={_LOAD}")
        command = ("python3", "-m", "bench.services.load")
        answer = json.loads(pods.run_in(self.cluster, sender, *command, text=load.to_json(plan)))
        return load.Outcome(**answer)

    def answer(self, url: str, headers: Mapping[str, str]) -> Any:
        """What a pod of the laboratory gets from an address, parsed."""
        (sender,) = pods.find(self.cluster, _LABORATORY, f"{_NAME_LABEL}={_LOAD}")
        given = json.dumps({"url": url, "headers": dict(headers)})
        return json.loads(pods.run_in(self.cluster, sender, "python3", "-c", _FETCH, text=given))

    def service(self, name: str) -> list[Pod]:
        """The pods of a service."""
        return pods.find(self.cluster, _SERVICES, f"{_NAME_LABEL}={name}")

    def peer(self, name: str) -> list[Pod]:
        """The pods of a service's peer."""
        return pods.find(self.cluster, _SERVICES, f"{_NAME_LABEL}={_peer_name(name)}")

    def gateway_credential(self) -> str:
        """What proves to the services that a request comes from the API gateway."""
        get = ("get", "secret", "gateway-credential", f"--namespace={_SERVICES}", "-o", "json")
        data = json.loads(platform.run(self.cluster, *get))["data"]
        return base64.b64decode(data["credentials"]).decode().split()[0]

    @property
    def entry(self) -> str:
        """Where pods find the Storefront's ingress."""
        return f"http://ingress.{NAME}-edge"

    def traces(self) -> dict[str, int]:
        """How many exports the collector got, of how many bytes."""
        (collector,) = pods.find(self.cluster, _LABORATORY, f"{_NAME_LABEL}={_COLLECTOR}")
        found: dict[str, int] = self.answer(f"http://{collector.address}:{_COLLECTOR_PORT}/", {})
        return found

    def _remove_pods(self) -> None:
        """A pod cannot be changed, and an old one would run an old program."""
        if platform.run(self.cluster, "get", "namespace", _LABORATORY, "--ignore-not-found", "-o", "name"):
            platform.run(self.cluster, "delete", "pods", "--all", f"--namespace={_LABORATORY}")
        peers = [_peer_name(name) for name in PEERS]
        platform.run(self.cluster, "delete", "pods", *peers, f"--namespace={_SERVICES}", "--ignore-not-found")

    def _apply(self, objects: Sequence[Manifest]) -> None:
        listing = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        platform.run(self.cluster, "apply", "--server-side", "-f", "-", text=json.dumps(listing))


def _storefront() -> Manifest:
    manifest: Manifest = yaml.safe_load(EXAMPLE.read_text())
    manifest["metadata"]["name"] = NAME
    manifest["spec"]["domain"] = DOMAIN
    collector = f"http://{_COLLECTOR}.{_LABORATORY}.svc:{_COLLECTOR_PORT}"
    services = manifest["spec"]["services"]
    for name in SERVICES:
        services.setdefault(name, {})["extraEnv"] = [
            {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": collector}
        ]
    return manifest


def _namespace() -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _LABORATORY}}


def _programs(namespace: str) -> Manifest:
    folder = resources.files("bench.services")
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "bench-programs", "namespace": namespace},
        "data": {name: (folder / name).read_text() for name in _PROGRAMS},
    }


def _policies() -> list[Manifest]:
    """Load may come in past the gateway, and spans may leave; all else is as the operator allows it."""
    laboratory = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": _LABORATORY}}}
    return [
        _policy(
            "bench-load",
            PEERS,
            "Ingress",
            {"from": [laboratory], "ports": [{"port": 8080, "protocol": "TCP"}]},
        ),
        _policy(
            "bench-traces",
            SERVICES,
            "Egress",
            {"to": [laboratory], "ports": [{"port": _COLLECTOR_PORT, "protocol": "TCP"}]},
        ),
    ]


def _policy(name: str, components: Sequence[str], direction: str, rule: Manifest) -> Manifest:
    chosen = {"matchExpressions": [{"key": _COMPONENT, "operator": "In", "values": list(components)}]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": _SERVICES},
        "spec": {"podSelector": chosen, "policyTypes": [direction], direction.lower(): [rule]},
    }


def _server(module: str, port: int, *options: str) -> list[str]:
    """A command that serves an application of this package."""
    application = f"bench.services.{module}:app"
    return [
        "python3",
        "-m",
        "uvicorn",
        application,
        "--host=",
        f"--port={port}",
        "--no-access-log",
        *options,
    ]


def _pod(template: Manifest, name: str, command: Sequence[str]) -> Manifest:
    """A pod of the laboratory with a service's image."""
    container = template["spec"]["containers"][0]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": _LABORATORY, "labels": {_NAME_LABEL: name}},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": template["spec"]["securityContext"],
            "containers": [
                {
                    "name": name,
                    "image": container["image"],
                    "imagePullPolicy": container["imagePullPolicy"],
                    "command": list(command),
                    "workingDir": _FOLDER,
                    "securityContext": container["securityContext"],
                    "volumeMounts": [_MOUNT],
                }
            ],
            "volumes": [_VOLUME],
        },
    }


def _peer(template: Manifest, service: str) -> Manifest:
    """The pod of a service with another program.

    Its component opens the same doors to it; its name keeps it out of the service's Service.
    """
    spec = copy.deepcopy(template["spec"])
    container = spec["containers"][0]
    for probe in ("startupProbe", "livenessProbe", "args"):
        container.pop(probe, None)
    container |= {
        "name": "peer",
        "command": _server("peer", 8080),
        "workingDir": _FOLDER,
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
    }
    container["volumeMounts"].append(_MOUNT)
    spec["volumes"].append(_VOLUME)
    labels = {**template["metadata"]["labels"], _NAME_LABEL: _peer_name(service)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _peer_name(service), "namespace": _SERVICES, "labels": labels},
        "spec": spec,
    }


def _peer_name(service: str) -> str:
    return f"bench-peer-{service}"


def _collector_service() -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": _COLLECTOR, "namespace": _LABORATORY},
        "spec": {"selector": {_NAME_LABEL: _COLLECTOR}, "ports": [{"port": _COLLECTOR_PORT}]},
    }


_MOUNT = {"name": "programs", "mountPath": f"{_FOLDER}/bench/services", "readOnly": True}
_VOLUME = {"name": "programs", "configMap": {"name": "bench-programs"}}
