"""The objects that the stand-ins consist of on a cluster, from data to data."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

NAMESPACE = "storefront-standins"
SECRET = "standins"
"""Holds the keys and the webhooks' secret that were made up at the first start."""
DOMAIN = "standins.localhost"
"""Below it, each stand-in has a host name for this machine's browsers."""

Manifest = dict[str, Any]

_UID = 10001


@dataclass(frozen=True)
class Standin:
    """One of them. `port`: where it serves HTTP; `ports`: further ones, by name."""

    name: str
    port: int
    arguments: Callable[["Setup"], list[str]]
    ports: Mapping[str, int] = field(default_factory=dict)
    mounts: Mapping[str, str] = field(default_factory=dict)
    """Keys of the Secret that are mounted below /etc/standins, by the name of the file."""


@dataclass(frozen=True)
class Shop:
    """The Storefront that webhooks go to: its domain, and the address at which pods reach its ingress."""

    domain: str
    ingress_address: str


@dataclass(frozen=True)
class Setup:
    """What differs between clusters."""

    image: str
    pull_policy: str
    content_hash: str
    """Of the image, whose tag stays the same while it is worked on."""
    public_url: Callable[[str], str]
    """Where a browser on this machine finds the stand-in of this name."""
    balanced: bool
    """Whether Services of type LoadBalancer give the host names below DOMAIN their way."""
    shop: Shop | None = None


def _payments(setup: Setup) -> list[str]:
    arguments = [
        f"--public-url={setup.public_url('payments')}",
        "--state=/var/lib/standin/payments.sqlite",
        "--key-file=/etc/standins/key",
    ]
    if setup.shop is not None:
        arguments += [
            f"--webhook-url=http://{setup.shop.domain}/api/payments/webhooks",
            "--webhook-secret-file=/etc/standins/webhook-secret",
        ]
    return arguments


STANDINS = (
    Standin(
        "payments",
        12111,
        _payments,
        mounts={"key": "payments-key", "webhook-secret": "payments-webhook-secret"},
    ),
    Standin("mail", 8025, lambda setup: [], ports={"smtp": 1025}),
    Standin("shipping", 8026, lambda setup: [f"--public-url={setup.public_url('shipping')}"]),
    Standin(
        "identity",
        8027,
        lambda setup: [f"--issuer={setup.public_url('identity')}", "--key-file=/etc/standins/key.pem"],
        mounts={"key.pem": "identity-key.pem"},
    ),
)


def host(name: str) -> str:
    """The host name by which pods reach a stand-in."""
    return f"{name}.{NAMESPACE}.svc"


def url(name: str) -> str:
    """The address by which pods reach a stand-in's HTTP."""
    port = next(standin.port for standin in STANDINS if standin.name == name)
    return f"http://{host(name)}:{port}"


def namespace() -> Manifest:
    """The namespace, in which a pod may do as little as in the Storefront's own."""
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def secret(name: str, in_namespace: str, values: Mapping[str, str]) -> Manifest:
    """An opaque Secret."""
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": in_namespace},
        "data": data,
    }


def workloads(setup: Setup) -> list[Manifest]:
    """A Service and a Deployment for each stand-in."""
    return [each for standin in STANDINS for each in (_service(standin, setup), _deployment(standin, setup))]


def external_systems() -> Manifest:
    """What `spec.external` of a Storefront says to use the stand-ins, without the identity provider."""
    return {
        "payments": {"url": url("payments"), "secretName": "payment-gateway"},
        "email": {"host": host("mail"), "port": 1025, "security": "None", "from": "shop@example.com"},
        "shipping": {"url": url("shipping"), "secretName": "shipping"},
    }


def identity_provider(issuer: str) -> Manifest:
    """What `spec.external.identityProvider` says; pods fetch the keys inside the cluster."""
    return {
        "issuer": issuer,
        "audience": "storefront",
        "jwksUri": f"{url('identity')}/.well-known/jwks.json",
    }


def shop_secrets(services_namespace: str, values: Mapping[str, str]) -> list[Manifest]:
    """The Secrets that `external_systems` names, from the values of our own Secret."""
    gateway = {"key": values["payments-key"], "webhook-secret": values["payments-webhook-secret"]}
    return [
        secret("payment-gateway", services_namespace, gateway),
        secret("shipping", services_namespace, {"key": values["shipping-key"]}),
    ]


def _labels(standin: Standin) -> dict[str, str]:
    return {"app.kubernetes.io/name": standin.name, "app.kubernetes.io/part-of": "storefront-standins"}


def _metadata(standin: Standin) -> Manifest:
    return {"name": standin.name, "namespace": NAMESPACE, "labels": _labels(standin)}


def _service(standin: Standin, setup: Setup) -> Manifest:
    # The pod's own ports: network policies, which go by the ports of pods, may then be made from an address.
    ports = [{"name": "http", "port": standin.port, "targetPort": "http"}]
    ports += [{"name": name, "port": port, "targetPort": name} for name, port in standin.ports.items()]
    metadata = _metadata(standin)
    spec: Manifest = {"type": "ClusterIP", "selector": _labels(standin), "ports": ports}
    if setup.balanced:
        spec |= {"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False}
        ports.append({"name": "browsers", "port": 80, "targetPort": "http"})
        claimed = f"{standin.name}.{DOMAIN}"
        metadata["annotations"] = {"external-dns.alpha.kubernetes.io/hostname": claimed}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _deployment(standin: Standin, setup: Setup) -> Manifest:
    probe = {"httpGet": {"path": "/healthz", "port": "http"}}
    ports = [{"name": "http", "containerPort": standin.port}]
    ports += [{"name": name, "containerPort": port} for name, port in standin.ports.items()]
    container: Manifest = {
        "name": standin.name,
        "image": setup.image,
        "imagePullPolicy": setup.pull_policy,
        "args": [standin.name, "--host=::", *standin.arguments(setup)],
        "ports": ports,
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "startupProbe": {**probe, "periodSeconds": 1, "failureThreshold": 60},
        "readinessProbe": {**probe, "periodSeconds": 5},
        "livenessProbe": {**probe, "periodSeconds": 20, "timeoutSeconds": 5},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "state", "mountPath": "/var/lib/standin"},
        ],
    }
    volumes: list[Manifest] = [{"name": "tmp", "emptyDir": {}}, {"name": "state", "emptyDir": {}}]
    if standin.mounts:
        container["volumeMounts"].append({"name": "keys", "mountPath": "/etc/standins", "readOnly": True})
        items = [{"key": key, "path": file} for file, key in standin.mounts.items()]
        volumes.append({"name": "keys", "secret": {"secretName": SECRET, "items": items}})
    pod: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _UID,
            "runAsGroup": _UID,
            "fsGroup": _UID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": volumes,
    }
    if standin.name == "payments" and setup.shop is not None:
        # Webhooks enter as clients do, by the shop's own name, which no DNS has to know.
        alias = {"ip": setup.shop.ingress_address, "hostnames": [setup.shop.domain]}
        pod["hostAliases"] = [alias]
    template = {
        "metadata": {
            "labels": _labels(standin),
            "annotations": {"storefront.dev/content-hash": setup.content_hash},
        },
        "spec": pod,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(standin),
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 1,
            # State is in memory or beside the pod: two at once would tell two stories.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": _labels(standin)},
            "template": template,
        },
    }
