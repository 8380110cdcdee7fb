#!/opt/patroni/bin/python
"""Patroni's callback: a member that became primary clears `role=primary` from the pods that no longer are.

Patroni labels only the pod it runs in. When a node dies, the old primary's pod keeps its label, and the primary's
Service would go on sending it one connection in two until the node is found dead. The new primary knows better.

Called by Patroni as `on-role-change ACTION ROLE SCOPE`. What the labels are called is read from Patroni's own
configuration; rights and namespace come from the pod's service account.
"""

import json
import os
import socket
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_DEADLINE_SECONDS = 20.0
_REQUEST_SECONDS = 3.0
_PAUSE_SECONDS = 0.5
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Labels:
    """How Patroni marks the pods of a cluster."""

    cluster: dict[str, str]
    role: str
    primary: str

    @property
    def selector(self) -> str:
        """Selects every pod that is labelled as the cluster's primary."""
        return ",".join(f"{key}={value}" for key, value in {**self.cluster, self.role: self.primary}.items())


def labels_of(configuration: dict[str, Any], scope: str) -> Labels:
    """The labels from Patroni's configuration (a parsed patroni.yml), with Patroni's own defaults."""
    kubernetes = configuration.get("kubernetes") or {}
    cluster = {str(key): str(value) for key, value in (kubernetes.get("labels") or {}).items()}
    cluster[kubernetes.get("scope_label", "cluster-name")] = scope
    return Labels(
        cluster, kubernetes.get("role_label", "role"), kubernetes.get("leader_label_value", "primary")
    )


def became_primary(action: str, role: str) -> bool:
    """Whether this call says that the member now is the primary."""
    return action in ("on_start", "on_restart", "on_role_change") and role in ("primary", "master")


def is_leader(lock: dict[str, Any], name: str) -> bool:
    """Whether the cluster's lock (the leader ConfigMap) still names this member."""
    return bool((lock["metadata"].get("annotations") or {}).get("leader") == name)


def clearing_patches(pods: list[dict[str, Any]], name: str, role_label: str) -> dict[str, dict[str, Any]]:
    """Merge patches, by pod name, that take the role from every pod but `name`.

    Each is bound to the resourceVersion that was read: a pod that has changed since may have become primary.
    """
    return {
        pod["metadata"]["name"]: {
            "metadata": {
                "resourceVersion": pod["metadata"]["resourceVersion"],
                "labels": {role_label: None},
            }
        }
        for pod in pods
        if pod["metadata"]["name"] != name
    }


class Api:
    """The Kubernetes API as the pod's service account sees it."""

    def __init__(self, url: str, service_account: Path) -> None:
        self._url = url
        self._token = service_account / "token"
        self._tls = (
            ssl.create_default_context(cafile=str(service_account / "ca.crt"))
            if url.startswith("https:")
            else None
        )

    def get(self, path: str) -> dict[str, Any]:
        """One object or list."""
        return self._call("GET", path)

    def merge_patch(self, path: str, patch: dict[str, Any]) -> None:
        """Patch one object."""
        self._call("PATCH", path, json.dumps(patch).encode())

    def _call(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - the address is the cluster's own
            self._url + path,
            data=body,
            method=method,
            headers={
                "Authorization": f"Bearer {self._token.read_text().strip()}",
                "Accept": "application/json",
                "Content-Type": "application/merge-patch+json",
            },
        )
        with urllib.request.urlopen(request, timeout=_REQUEST_SECONDS, context=self._tls) as response:  # noqa: S310
            answer: dict[str, Any] = json.load(response)
            return answer


def clear_once(api: Api, namespace: str, scope: str, name: str, labels: Labels) -> bool:
    """Clear the role of every other pod, as long as the lock is ours. False: something changed meanwhile."""
    core = f"/api/v1/namespaces/{namespace}"
    if not is_leader(api.get(f"{core}/configmaps/{scope}-leader"), name):
        log(f"{name} does not hold the lock of {scope} any more; leaving the labels alone")
        return True
    pods = api.get(f"{core}/pods?labelSelector={urllib.parse.quote(labels.selector)}")["items"]
    settled = True
    for pod, patch in clearing_patches(pods, name, labels.role).items():
        try:
            api.merge_patch(f"{core}/pods/{pod}", patch)
            log(f"{name} is primary; cleared {labels.role}={labels.primary} from {pod}")
        except urllib.error.HTTPError as error:
            if error.code == 409:
                settled = False
            elif error.code != 404:
                raise
    return settled


def main() -> int:
    """Exit code 1 when the labels could not be cleared in time; Patroni goes on regardless."""
    action, role, scope = sys.argv[1:4]
    if not became_primary(action, role):
        return 0
    configuration = yaml.safe_load(
        Path(os.environ.get("PATRONI_YML", "/etc/patroni/patroni.yml")).read_text()
    )
    # Patroni hides its PATRONI_* variables from callbacks; a pod's host name is its name.
    name = os.environ.get("POD_NAME") or configuration.get("name") or socket.gethostname()
    namespace = (_SERVICE_ACCOUNT / "namespace").read_text().strip()
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    api = Api(f"https://{f'[{host}]' if ':' in host else host}:{port}", _SERVICE_ACCOUNT)
    labels = labels_of(configuration, scope)
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while True:
        try:
            if clear_once(api, namespace, scope, name, labels):
                return 0
        except (OSError, ValueError) as error:
            log(f"cannot clear stale labels yet: {error}")
        if time.monotonic() > deadline:
            log(f"gave up clearing stale labels after {_DEADLINE_SECONDS:.0f} s")
            return 1
        time.sleep(_PAUSE_SECONDS)


def log(message: str) -> None:
    """One line in the pod's log, beside Patroni's."""
    print(f"on-role-change: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
