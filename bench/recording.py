"""The requests with which the operator installs a Storefront, taken from its engine over an API that has nothing.

So every other client can be given exactly the bodies that the operator sends, whatever it learns to send later.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from storefront_operator.client import Client, Resource
from storefront_operator.client.resources import STOREFRONTS
from storefront_operator.engine.engine import Engine
from storefront_operator.objects.labels import FINALIZER

from bench.subject import storefront

Json = dict[str, Any]

_NAME = "recorded-0000"
_PATIENCE = 30.0


@dataclass(frozen=True)
class Request:
    """One write of a child object, ready to be sent."""

    kind: str
    namespace: str
    name: str
    method: str
    path: str
    content_type: str
    body: bytes

    @property
    def manifest(self) -> Json:
        """The object that it writes."""
        parsed: Json = json.loads(self.body)
        return parsed

    def renamed(self, name: str) -> Request:
        """The same write for a Storefront of another name."""
        old, new = _NAME, name
        return replace(
            self,
            namespace=self.namespace.replace(old, new),
            name=self.name.replace(old, new),
            path=self.path.replace(old, new),
            body=self.body.replace(old.encode(), new.encode()),
        )


class Recording(tuple[Request, ...]):
    """The requests of one installation in the order in which the operator sends them."""

    def of(self, name: str) -> list[Request]:
        """The requests that install the Storefront `name`."""
        return [request.renamed(name) for request in self]

    def kinds(self) -> Counter[str]:
        """How many objects of each kind a Storefront has."""
        return Counter(request.kind for request in self)


async def record_installation() -> Recording:
    """Let an engine install a Storefront for which nothing exists."""
    resource = storefront(_NAME)
    resource["metadata"] |= {
        "uid": _uid(0),
        "generation": 1,
        "resourceVersion": "1",
        "finalizers": [FINALIZER],
    }
    client = _EmptyApi(resource)
    engine = Engine(client)
    running = asyncio.create_task(engine.run())
    engine.seen(resource)
    try:
        async with asyncio.timeout(_PATIENCE):
            await client.reported.wait()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return Recording(client.requests)


class _EmptyApi(Client):
    """An API in which nothing exists but one Storefront, nothing happens and every write succeeds."""

    def __init__(self, resource: Json) -> None:
        self._storefront = resource
        self.requests: list[Request] = []
        self.reported = asyncio.Event()
        """Set by the status that the engine writes when a pass is over: it says where the shop is found."""
        self._numbers = itertools.count(1)

    async def list_pages(self, resource: Resource, selector: str) -> AsyncIterator[Json]:
        yield {"metadata": {"resourceVersion": "1"}, "items": []}

    async def watch(
        self, resource: Resource, selector: str, resource_version: str, *, lifetime: int, silence: float
    ) -> AsyncIterator[Json]:
        await asyncio.Event().wait()
        yield {}

    async def get(self, resource: Resource, namespace: str, name: str) -> Json | None:
        return self._storefront if resource is STOREFRONTS else None

    async def apply(self, resource: Resource, manifest: Mapping[str, Any], manager: str) -> Json:
        metadata = manifest["metadata"]
        path = resource.path(metadata.get("namespace", ""), metadata["name"])
        query = f"?fieldManager={manager}&force=true"
        return self._record("PATCH", path + query, "application/apply-patch+yaml", resource, manifest)

    async def create(self, resource: Resource, manifest: Mapping[str, Any], manager: str = "") -> Json:
        path = resource.path(manifest["metadata"].get("namespace", ""))
        query = f"?fieldManager={manager}" if manager else ""
        return self._record("POST", path + query, "application/json", resource, manifest)

    async def patch_status(self, resource: Resource, name: str, status: Mapping[str, Any]) -> Json:
        if "endpoints" in status:
            self.reported.set()
        return {}

    def _record(
        self, method: str, path: str, content_type: str, resource: Resource, manifest: Mapping[str, Any]
    ) -> Json:
        metadata = manifest["metadata"]
        body = json.dumps(manifest, separators=(",", ":")).encode()
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        if resource.kind != "Event":  # a report about the installation, no part of it
            self.requests.append(Request(resource.kind, namespace, name, method, path, content_type, body))
        number = next(self._numbers)
        live = {"uid": _uid(number), "resourceVersion": str(number), "generation": 1}
        return {**manifest, "kind": resource.kind, "metadata": {**metadata, **live}}


def _uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"
