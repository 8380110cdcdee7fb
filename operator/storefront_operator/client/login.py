"""Credentials for the Kubernetes API: of the pod's service account, or of a kubeconfig file that is named."""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import base64
import json
import os
import ssl
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from storefront_operator.client.client import Client
from storefront_operator.client.errors import LoginError

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
# asyncio gives each TLS connection a read buffer of 256 KiB at once; an install opens dozens of connections, and
# what they take from the system is not given back. Four TLS records do.
asyncio.sslproto.SSLProtocol.max_size = 64 * 1024

_TOKEN_LIFETIME = 60.0  # seconds; the kubelet replaces the file about hourly


@dataclass
class _Credentials:
    server: str
    tls: ssl.SSLContext
    token: str = ""
    token_file: Path | None = None


async def connect(kubeconfig: Path | None, context: str | None = None) -> Client:
    """A client for the cluster of `kubeconfig`, or for the one whose pod this is when it is None.

    An ambient KUBECONFIG is never used. Raises `LoginError`.
    """
    credentials = await (_from_kubeconfig(kubeconfig, context) if kubeconfig else _from_pod())
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=credentials.tls),
        headers={"User-Agent": "storefront-operator"},
        middlewares=(_bearer(credentials),),
    )
    return Client(session, credentials.server)


def _bearer(credentials: _Credentials) -> aiohttp.ClientMiddlewareType:
    """Add the bearer token to each request; a token file is read again as it is rotated."""
    token, read_at = credentials.token, 0.0

    async def middleware(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        nonlocal token, read_at
        if credentials.token_file and time.monotonic() - read_at > _TOKEN_LIFETIME:
            token, read_at = credentials.token_file.read_text().strip(), time.monotonic()
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        return await handler(request)

    return middleware


async def _from_pod() -> _Credentials:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    token_file = _SERVICE_ACCOUNT / "token"
    if not host or not token_file.exists():
        raise LoginError("not inside a pod with a service account; name a cluster with --kubeconfig FILE")
    authority = f"[{host}]" if ":" in host else host
    tls = ssl.create_default_context(cafile=str(_SERVICE_ACCOUNT / "ca.crt"))
    return _Credentials(f"https://{authority}:{port}", tls, token_file=token_file)


async def _from_kubeconfig(path: Path, context_name: str | None) -> _Credentials:
    try:
        config = yaml.safe_load(path.read_text())
        context = _named(config, "contexts", context_name or config["current-context"])["context"]
        cluster = _named(config, "clusters", context["cluster"])["cluster"]
        user = _named(config, "users", context["user"]).get("user") or {}
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise LoginError(f"kubeconfig {path}: {error}") from error
    if "exec" in user:
        user = {**user, **await _exec_credential(user["exec"], path)}
    tls = ssl.create_default_context(
        cafile=_absolute(path, cluster.get("certificate-authority")),
        cadata=_decoded(cluster.get("certificate-authority-data")),
    )
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    _load_client_certificate(tls, user, path)
    token_file = _absolute(path, user.get("tokenFile"))
    return _Credentials(
        cluster["server"],
        tls,
        token=user.get("token", ""),
        token_file=Path(token_file) if token_file else None,
    )


def _named(config: Mapping[str, Any], section: str, name: str) -> Mapping[str, Any]:
    for entry in config.get(section) or ():
        if entry["name"] == name:
            found: Mapping[str, Any] = entry
            return found
    raise KeyError(f"no {section[:-1]} named {name!r}")


def _absolute(kubeconfig: Path, value: str | None) -> str | None:
    return str(kubeconfig.parent / value) if value else None


def _decoded(value: str | None) -> str | None:
    return base64.b64decode(value).decode() if value else None


def _load_client_certificate(tls: ssl.SSLContext, user: Mapping[str, Any], path: Path) -> None:
    certificate = _absolute(path, user.get("client-certificate"))
    key = _absolute(path, user.get("client-key"))
    if certificate:
        tls.load_cert_chain(certificate, key)
    elif user.get("client-certificate-data"):
        # The ssl module reads certificates from files only.
        with tempfile.NamedTemporaryFile() as file:
            file.write(base64.b64decode(user["client-certificate-data"]))
            file.write(b"\n" + base64.b64decode(user["client-key-data"]))
            file.flush()
            tls.load_cert_chain(file.name)


async def _exec_credential(plugin: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Run a credential plugin (client.authentication.k8s.io ExecCredential)."""
    command = [plugin["command"], *(plugin.get("args") or ())]
    request = {"apiVersion": plugin["apiVersion"], "kind": "ExecCredential", "spec": {"interactive": False}}
    env = {entry["name"]: entry["value"] for entry in plugin.get("env") or ()}
    env["KUBERNETES_EXEC_INFO"] = json.dumps(request)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=path.parent,
            env={**os.environ, **env},
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        status = json.loads(output)["status"]
    except (OSError, ValueError, KeyError) as error:
        raise LoginError(f"credential plugin {plugin['command']!r} of {path}: {error}") from error
    found = {"token": status.get("token", "")}
    for source, target in (
        ("clientCertificateData", "client-certificate-data"),
        ("clientKeyData", "client-key-data"),
    ):
        if status.get(source):
            found[target] = base64.b64encode(status[source].encode()).decode()
    return found
