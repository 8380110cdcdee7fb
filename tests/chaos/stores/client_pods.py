"""The pods that write: one on each node, with a container for each store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from storefront_dev.images import catalogue

NAME = "store-clients"
STORES = ("postgres", "rabbitmq", "redis", "elasticsearch")
SECRETS = {"postgres": "postgres-product", "rabbitmq": "rabbitmq-admin", "redis": "redis-product"}
"""Where the password of each store's user is. RabbitMQ's services declare no queue of their own, so it is the admin."""

_MODULE = "tests.chaos.stores.clients"
_PROGRAMS = Path(__file__).parent / "clients"
_RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def manifests(namespace: str, passwords: dict[str, str]) -> list[dict[str, Any]]:
    """The pods with their programs and passwords. They carry the label of the product service, which network
    policies let through to every store.
    """
    metadata = {"name": NAME, "namespace": namespace}
    programs = {path.name: path.read_text() for path in sorted(_PROGRAMS.glob("*.py"))}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": programs},
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": passwords},
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": _stateful_set()},
    ]


def command(store: str, *arguments: str) -> list[str]:
    """How a store's program is run in its container."""
    return ["python3", "-m", f"{_MODULE}.{store}_writer", *arguments]


def _stateful_set() -> dict[str, Any]:
    own = {"app.kubernetes.io/name": NAME}
    return {
        "serviceName": NAME,
        "replicas": 3,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": own},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
        "template": {
            "metadata": {"labels": {**own, "app.kubernetes.io/component": "product"}},
            "spec": _pod(own),
        },
        # What was acknowledged outlives the pod and its node's power.
        "volumeClaimTemplates": [
            {
                "metadata": {"name": "ledger"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }
        ],
    }


def _pod(own: dict[str, str]) -> dict[str, Any]:
    elsewhere = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": own}}
    return {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [elsewhere]}},
        "dnsConfig": {
            "options": [
                {"name": "timeout", "value": "1"},
                {"name": "attempts", "value": "3"},
                {"name": "ndots", "value": "2"},
            ]
        },
        "containers": [_container(store) for store in STORES],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "clients", "configMap": {"name": NAME}},
            {"name": "credentials", "secret": {"secretName": NAME}},
        ],
    }


def _container(store: str) -> dict[str, Any]:
    return {
        "name": store,
        "image": catalogue.STORE_CLIENTS.reference(catalogue.version()),
        "command": command(store, "write"),
        "workingDir": "/srv",
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "securityContext": _RESTRICTED,
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "ledger", "mountPath": "/ledger"},
            {"name": "clients", "mountPath": f"/srv/{_MODULE.replace('.', '/')}", "readOnly": True},
            {"name": "credentials", "mountPath": "/credentials", "readOnly": True},
        ],
    }
