"""What the operator asks of the API server, told in the API's own terms."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from storefront_operator.client.resources import CHILD_RESOURCES, CLAIMS, EVENTS, NODES, PODS, STOREFRONTS

_KINDS = {r.plural: r.kind for r in (*CHILD_RESOURCES, CLAIMS, EVENTS, NODES, PODS, STOREFRONTS)} | {
    "leases": "Lease"
}

WRITES = frozenset({"create", "apply", "patch", "update", "delete"})


@dataclass(frozen=True)
class Call:
    """One request. `verb` is as RBAC names it, besides `apply` and `discover`."""

    verb: str
    kind: str
    namespace: str
    name: str
    subresource: str
    method: str
    path: str
    query: Mapping[str, str]
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_write(self) -> bool:
        """Whether it changes something. Leases are heartbeats and do not count."""
        return self.verb in WRITES and self.kind != "Lease"

    @property
    def key(self) -> tuple[str, str, str]:
        """Kind, namespace and name of the object."""
        return self.kind, self.namespace, self.name

    def concerns(self, storefront: str) -> bool:
        """Whether it is about that Storefront, one of its children or an event about it."""
        return (
            self.namespace.startswith(f"{storefront}-")
            or self.name == storefront
            or self.name.startswith((f"{storefront}-", f"{storefront}."))
        )

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.verb} {self.kind} {where}" + (f" ({self.subresource})" if self.subresource else "")


def read_call(
    method: str, path: str, query: Mapping[str, str], body: bytes, headers: Mapping[str, str]
) -> Call:
    """The meaning of an HTTP request to the Kubernetes API."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces" and rest[2] in _KINDS:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = [*rest, "", "", ""][:3]
    if method == "POST" and not name and body:
        name = str(json.loads(body).get("metadata", {}).get("name", ""))
        named = False
    else:
        named = bool(name)
    return Call(
        verb=_verb(method, named, query, headers) if plural else "discover",
        kind=_KINDS.get(plural, plural),
        namespace=namespace,
        name=name,
        subresource=subresource,
        method=method,
        path=path,
        query=query,
        body=body,
        headers=headers,
    )


def _verb(method: str, named: bool, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    if method == "GET":
        if query.get("watch") in ("1", "true"):
            return "watch"
        return "get" if named else "list"
    if method == "PATCH" and "apply-patch" in headers.get("Content-Type", ""):
        return "apply"
    return {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[method]


@dataclass
class Answer:
    """What comes back: `status` is the HTTP code."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the request was carried out."""
        return self.status < 400


def refusal(status: int, reason: str, retry_after: int | None = None) -> Answer:
    """An error as the API server words it."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": f"{reason}, said by the fault suite",
        "reason": reason,
        "code": status,
    }
    headers = {"Content-Type": "application/json"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return Answer(status, json.dumps(body).encode(), headers)


@dataclass(frozen=True)
class Exchange:
    """A call, the status of its answer (0: none reached the operator), and when it came in (monotonic seconds)."""

    call: Call
    status: int
    at: float = field(default_factory=time.monotonic)


Event = dict[str, Any]
"""A watch event: `type` and `object`."""


def storefront_of(event: Event) -> str:
    """The Storefront that the object of a watch event belongs to, by its label."""
    labels = event["object"].get("metadata", {}).get("labels", {})
    return str(labels.get("storefront.dev/name", ""))
