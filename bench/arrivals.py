"""When objects appear, as a watch sees it: the same clock for everybody who creates them."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from storefront_operator.client import Client, Resource
from storefront_operator.objects import ChildKey
from storefront_operator.objects.labels import STOREFRONT

_LIFETIME = 3600

Event = dict[str, Any]


class Arrivals:
    """The time (monotonic, seconds) at which each object was first seen."""

    def __init__(self) -> None:
        self.seen: dict[ChildKey, float] = {}
        self.children: dict[str, dict[ChildKey, float]] = defaultdict(dict)
        """The same for the children of each Storefront."""
        self._changed = asyncio.Event()

    async def of(self, keys: Iterable[ChildKey], seconds: float = 60.0) -> float:
        """Wait until all of these objects have appeared; returns when the last one did."""
        wanted = set(keys)
        async with asyncio.timeout(seconds):
            while not wanted <= self.seen.keys():
                self._changed.clear()
                await self._changed.wait()
        return max(self.seen[key] for key in wanted)

    async def of_count(self, storefront: str, count: int, seconds: float = 60.0) -> float:
        """Wait until a Storefront has that many children; returns when the last one appeared."""
        async with asyncio.timeout(seconds):
            while len(self.children[storefront]) < count:
                self._changed.clear()
                await self._changed.wait()
        return sorted(self.children[storefront].values())[count - 1]

    def note(self, kind: str, event: Event) -> None:
        """Take a watch event into account."""
        metadata = event["object"]["metadata"]
        key = ChildKey(kind, metadata.get("namespace", ""), metadata.get("name", ""))
        if key in self.seen:
            return
        self.seen[key] = time.monotonic()
        self.children[metadata.get("labels", {}).get(STOREFRONT, "")][key] = self.seen[key]
        self._changed.set()


@asynccontextmanager
async def watching(
    client: Client, resources: Iterable[Resource], selector: str = ""
) -> AsyncIterator[Arrivals]:
    """Watch these resources from now on."""
    arrivals = Arrivals()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                _follow(client, resource, selector, await version_of(client, resource), arrivals)
            )
            for resource in resources
        ]
        try:
            yield arrivals
        finally:
            for task in tasks:
                task.cancel()


async def version_of(client: Client, resource: Resource) -> str:
    """The current version of a collection, from which a watch brings everything that happens next."""
    url = client.server + resource.path()
    async with client.session.get(url, params={"limit": "1"}) as response:
        page = await response.json()
    return str(page["metadata"]["resourceVersion"])


async def _follow(
    client: Client, resource: Resource, selector: str, version: str, arrivals: Arrivals
) -> None:
    async for event in client.watch(resource, selector, version, lifetime=_LIFETIME, silence=_LIFETIME):
        if event["type"] == "ADDED":
            arrivals.note(resource.kind, event)
