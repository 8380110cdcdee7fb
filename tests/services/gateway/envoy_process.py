"""The gateway as the cluster runs it: Envoy with the configuration that the operator renders, on loopback ports."""

from __future__ import annotations

import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from storefront_operator.components.gateway import ROUTES, identity_context
from storefront_operator.rendering import render_folder

ENVOY = Path(sysconfig.get_path("purelib")) / "envoy/_bin/envoy"


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class EnvoyProcess:
    """Envoy between its caller and the `services`, each given as a loopback port."""

    def __init__(
        self, folder: Path, services: Mapping[str, int], identity: Mapping[str, str] | None = None
    ) -> None:
        self.api = f"http://127.0.0.1:{(api_port := free_port())}"
        self.operations = f"http://127.0.0.1:{(operations_port := free_port())}"
        self._secrets = folder / "credential"
        self._secrets.mkdir()
        self.set_credential("first")
        files = _rendered_files(identity)
        config = yaml.safe_load(files["envoy.yaml"].replace("/tmp/admin.sock", str(folder / "admin.sock")))
        for listener, port in zip(
            config["static_resources"]["listeners"], (api_port, operations_port), strict=True
        ):
            listener["address"] = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
        for cluster in config["static_resources"]["clusters"]:
            if cluster["name"] in services:
                _socket_address(cluster).update(address="127.0.0.1", port_value=services[cluster["name"]])
        (folder / "credential.yaml").write_text(
            files["credential.yaml"].replace("/etc/storefront/credential", str(self._secrets))
        )
        text = yaml.safe_dump(config)
        (folder / "envoy.yaml").write_text(
            text.replace("/etc/storefront/gateway/credential.yaml", str(folder / "credential.yaml"))
        )
        self._log = (folder / "envoy.log").open("w")
        arguments = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
        self._process = subprocess.Popen(
            [str(ENVOY), *arguments, "--config-path", str(folder / "envoy.yaml")],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._wait_until_ready(folder / "envoy.log")

    def set_credential(self, credential: str) -> None:
        """Exchange the mounted Secret, in the way the kubelet does: a link is moved in one step."""
        version = self._secrets / f"..{credential}"
        version.mkdir(exist_ok=True)
        (version / "password").write_text(credential)
        link = self._secrets / "..data"
        (self._secrets / "..new").symlink_to(version.name)
        (self._secrets / "..new").replace(link)
        if not (self._secrets / "password").is_symlink():
            (self._secrets / "password").symlink_to("..data/password")

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(timeout=20)
        self._log.close()

    def _wait_until_ready(self, log: Path) -> None:
        deadline = time.monotonic() + 30
        while True:
            assert self._process.poll() is None, log.read_text()
            try:
                with urllib.request.urlopen(f"{self.operations}/ready", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)


def _rendered_files(identity: Mapping[str, str] | None) -> Mapping[str, str]:
    """The gateway's ConfigMap."""
    context = {
        "component": "gateway",
        "namespaces": {"edge": "shop-edge", "services": "shop-services"},
        "routes": ROUTES,
        "identity": identity and identity_context(identity),
        "workload": {"replicas": 1, "resources": {}},
        "image": "envoy",
        "credential_secret": "gateway-credential",
        "credential": "",
        "env": [],
        "selector": {},
        "pod_labels": {},
        "pull_policy": "Never",
        "pull_secrets": [],
    }
    manifests = render_folder("gateway", context)
    files: Mapping[str, str] = next(each["data"] for each in manifests if each["kind"] == "ConfigMap")
    return files


def _socket_address(cluster: Mapping[str, Any]) -> dict[str, Any]:
    endpoint = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
    address: dict[str, Any] = endpoint["address"]["socket_address"]
    return address
