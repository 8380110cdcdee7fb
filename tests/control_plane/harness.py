"""The API server and the operator as the tests use them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pykube
import pytest
import yaml
from storefront_dev.binaries import kubectl

ROOT = Path(__file__).parents[2]
GROUP_VERSION = "storefront.dev/v1alpha1"
LONG = 60.0  # seconds; generous, a test waits only as long as it needs to


class Cluster:
    """The API server as the tests use it."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.api = pykube.HTTPClient(pykube.KubeConfig.from_file(str(kubeconfig)), timeout=20)
        self._types: dict[tuple[str, str], Any] = {}

    def kubectl(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl; the caller looks at the exit code."""
        command = [str(kubectl()), "--kubeconfig", str(self.kubeconfig), *arguments]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)

    def apply(self, manifest: dict[str, Any]) -> None:
        """`kubectl apply`, which must succeed."""
        result = self.kubectl("apply", "-f", "-", text=yaml.safe_dump(manifest))
        assert result.returncode == 0, result.stderr

    def install_crd(self) -> None:
        """Apply the CRD and wait until the API serves it."""
        applied = self.kubectl("apply", "-f", str(ROOT / "crds"))
        assert applied.returncode == 0, applied.stderr
        wait = ("wait", "--for=condition=Established", "crd/storefronts.storefront.dev")
        # Before the CRD has its first condition, kubectl does not wait but fails.
        eventually(lambda: self.kubectl(*wait).returncode == 0, "the CRD is established")

    def get(
        self, group_version: str, kind: str, name: str, namespace: str | None = None
    ) -> dict[str, Any] | None:
        """One object, or None."""
        found = self._query(group_version, kind, namespace).get_or_none(name=name)
        return None if found is None else found.obj

    def list(
        self, group_version: str, kind: str, selector: str = "", namespace: str = ""
    ) -> list[dict[str, Any]]:
        """All objects of a kind that a label selector matches."""
        query = self._query(group_version, kind, namespace or pykube.query.all_)
        return [item.obj for item in query.filter(selector=selector or None)]

    def children(self, storefront: str) -> dict[tuple[str, str, str], dict[str, Any]]:
        """Everything the operator manages for a Storefront, by kind, namespace and name."""
        found = {}
        for group_version, kind in CHILD_KINDS:
            for item in self.list(group_version, kind, f"storefront.dev/name={storefront}"):
                metadata = item["metadata"]
                found[kind, metadata.get("namespace", ""), metadata["name"]] = item
        return found

    def storefront(self, name: str) -> dict[str, Any] | None:
        """A Storefront as it is now."""
        return self.get(GROUP_VERSION, "Storefront", name)

    def condition(self, name: str, kind: str) -> dict[str, Any]:
        """A condition of a Storefront; empty when there is none."""
        status = (self.storefront(name) or {}).get("status") or {}
        return next((c for c in status.get("conditions") or () if c["type"] == kind), {})

    def events(self, name: str, reason: str) -> list[str]:
        """Messages of the events about a Storefront with that reason."""
        events = self.list("v1", "Event", namespace="default")
        return [e["message"] for e in events if e["involvedObject"]["name"] == name and e["reason"] == reason]

    def _query(self, group_version: str, kind: str, namespace: str | None) -> Any:
        if (group_version, kind) not in self._types:
            self._types[group_version, kind] = pykube.object_factory(self.api, group_version, kind)
        query = self._types[group_version, kind].objects(self.api)
        return query.filter(namespace=namespace) if namespace else query


CHILD_KINDS = [
    ("v1", "Namespace"),
    ("v1", "ServiceAccount"),
    ("v1", "Secret"),
    ("v1", "ConfigMap"),
    ("v1", "Service"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "Deployment"),
    ("batch/v1", "Job"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
]


class Operator:
    """The operator as a process of its own, as `storefront operator` starts it."""

    def __init__(self, kubeconfig: Path, log: Path, lease: str = "") -> None:
        self._kubeconfig, self._log, self._lease = kubeconfig, log, lease
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until its caches are filled."""
        self.launch()
        eventually(
            lambda: '"caches are filled"' in self.log().rpartition('"operator is running"')[2],
            "the operator is running",
            detail=self.log,
        )

    def launch(self) -> None:
        """Start it."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [str(Path(sys.executable).with_name("storefront")), "operator"]
        command += ["--kubeconfig", str(self._kubeconfig), "--ops-port", str(port)]
        command += [f"--lease={self._lease}"] if self._lease else []
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def exit_code(self) -> int | None:
        """The code it has ended with, or None while it runs."""
        return self._process.poll() if self._process else None

    def changes(self, storefront: str) -> list[str]:
        """What its passes over a Storefront have changed since it was started, from its log."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        starts = [number for number, line in enumerate(lines) if line.get("event") == "operator is running"]
        passes = [
            line
            for line in lines[starts[-1] :]
            if line.get("event") == "pass" and line["storefront"] == storefront
        ]
        return [change for line in passes for change in line["changed"]]

    def log(self) -> str:
        """The end of what it has logged."""
        return self._log.read_text()[-4000:]

    def stop(self, *, kill: bool = False) -> None:
        """Stop it as the kubelet would, or kill it."""
        if self._process is None:
            return
        if kill:
            self._process.kill()
        else:
            self._process.terminate()
        self._process.wait(20)
        self._process = None


def eventually(
    condition: Callable[[], Any], what: str, seconds: float = LONG, detail: Callable[[], str] | None = None
) -> Any:
    """Wait for a condition and return its value; fail with what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what}" + (f"\n{detail()}" if detail else ""))
        time.sleep(0.05)
