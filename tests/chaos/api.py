"""The API server as the fault suite uses it: raw JSON over kept-alive connections, past the proxy.

The suite captures whole states hundreds of times, so this is plain urllib3 instead of kubectl or typed objects.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import urllib3
import yaml
from storefront_operator.client.resources import Resource, resource_of

from tests.chaos.waiting import eventually

Json = dict[str, Any]

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


class RefusedError(AssertionError):
    """The API server said no; `status` is the HTTP code, the text is its message."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(f"{status}: {message}")


class Credentials:
    """Server and client certificate of a kubeconfig, as files that ssl can read."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server: str = cluster["server"]
        self.authority = folder / "ca.crt"
        self.certificate = folder / "admin.pem"
        self.authority.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
        self.certificate.write_bytes(
            base64.b64decode(user["client-certificate-data"])
            + b"\n"
            + base64.b64decode(user["client-key-data"])
        )


class Api:
    """An administrator of the cluster. Every method raises `RefusedError` when the server refuses."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=32,
            cert_file=str(credentials.certificate),
            ca_certs=str(credentials.authority),
            timeout=urllib3.Timeout(30),
            retries=urllib3.Retry(3, connect=3, read=2, status=0, backoff_factor=0.2),
        )

    def close(self) -> None:
        """Close the kept connections."""
        self._pool.clear()

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | Sequence[Any] | None = None,
        content_type: str = "application/json",
        **query: str,
    ) -> Json:
        """One request to a path of the API."""
        answer = self._pool.request(
            method,
            self.credentials.server + path + (f"?{urlencode(query)}" if query else ""),
            body=None if body is None else orjson.dumps(body),
            headers={} if body is None else {"Content-Type": content_type},
        )
        content: Json = orjson.loads(answer.data)
        if answer.status >= 400:
            raise RefusedError(answer.status, str(content.get("message", content)))
        return content

    def establish(self, definition: Json) -> None:
        """Create a CustomResourceDefinition and wait until it is served."""
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        name = definition["metadata"]["name"]
        self.request("POST", path, definition)

        def established() -> bool:
            status = self.request("GET", f"{path}/{name}").get("status", {})
            conditions = status.get("conditions") or ()
            return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

        eventually(established, f"{name} is established", 60)

    def get(self, kind: str, namespace: str, name: str) -> Json | None:
        """One object, or None."""
        try:
            return self.request("GET", _resource(kind).path(namespace, name))
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def list(self, kind: str, selector: str = "", namespace: str = "") -> list[Json]:
        """The objects of a kind that a label selector matches, each with its `kind`."""
        resource = _resource(kind)
        query = {"labelSelector": selector} if selector else {}
        items: list[Json] = self.request("GET", resource.path(namespace), **query)["items"]
        return [{**item, "kind": kind} for item in items]

    def create(self, manifest: Json, **query: str) -> Json:
        """Create an object."""
        path = _resource(manifest["kind"]).path(manifest["metadata"].get("namespace", ""))
        return self.request("POST", path, manifest, **query)

    def replace_field(self, kind: str, namespace: str, name: str, path: str, value: Any) -> Json:
        """Replace one field of an object, given as a JSON pointer."""
        operations = [{"op": "replace", "path": path, "value": value}]
        where = _resource(kind).path(namespace, name)
        return self.request("PATCH", where, operations, JSON_PATCH, fieldValidation="Strict")

    def patch(self, kind: str, namespace: str, name: str, patch: Json, subresource: str = "") -> Json:
        """JSON merge patch of an object or of one of its subresources."""
        path = _resource(kind).path(namespace, name) + (f"/{subresource}" if subresource else "")
        return self.request("PATCH", path, patch, MERGE_PATCH, fieldManager="somebody")

    def delete(self, kind: str, namespace: str, name: str, policy: str = "Background") -> None:
        """Delete an object; one that is gone is fine."""
        try:
            self.request("DELETE", _resource(kind).path(namespace, name), {"propagationPolicy": policy})
        except RefusedError as error:
            if error.status != 404:
                raise


_LEASES = Resource("coordination.k8s.io/v1", "Lease", "leases")


def _resource(kind: str) -> Resource:
    return _LEASES if kind == "Lease" else resource_of(kind)
