"""List and watch one kind of child into a cache of projections that always converges on the truth."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

import structlog

from storefront_operator.client import ApiError, ApiUnavailableError, Client, Resource
from storefront_operator.engine import metrics
from storefront_operator.engine.projection import project
from storefront_operator.objects import Child, ChildKey, Manifest, key_of

log = structlog.get_logger()

OnChange = Callable[[Child | None, Child | None], None]
"""Called with the state before and after; None before a creation and after a deletion."""

_SILENCE = 90.0  # seconds; bookmarks come about once a minute
_MAX_BACKOFF = 10.0


class Informer:
    """A cache of one kind, selected by label, over all namespaces.

    A lost watch is resumed at the last version; when the server has forgotten that version (410) the kind is
    listed again and the list *replaces* the cache, so that deletions in the gap are seen. `listing` bounds the
    lists at a time: pages are large, and the API server has others to serve.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        selector: str,
        on_change: OnChange,
        listing: asyncio.Semaphore,
    ) -> None:
        self.resource = resource
        self.synced = asyncio.Event()
        self.last_event = time.monotonic()
        self.last_activity = time.monotonic()
        self._client = client
        self._selector = selector
        self._on_change = on_change
        self._listing = listing
        self.children: dict[ChildKey, Child] = {}
        """Every object of the kind; do not change it."""
        self._by_storefront: dict[str, dict[ChildKey, Child]] = defaultdict(dict)

    def of_storefront(self, name: str) -> dict[ChildKey, Child]:
        """The children of one Storefront; do not change the result."""
        return self._by_storefront.get(name, {})

    async def run(self) -> None:
        """List and watch until cancelled."""
        version, failures = "", 0
        while True:
            self.last_activity = time.monotonic()
            try:
                if not version:
                    async with self._listing:
                        version = await self._list()
                version = await self._watch(version)
                failures = 0
            except (ApiError, ApiUnavailableError) as error:
                expired = isinstance(error, ApiError) and error.is_expired
                # A watch that cannot even be opened must not keep a version that may be the cause.
                version = "" if expired or failures > 3 else version
                failures += 1
                metrics.WATCH_FAILURES.labels(kind=self.resource.kind).inc()
                log.warning("watch broken", kind=self.resource.kind, error=str(error), relist=not version)
                await asyncio.sleep(
                    0 if expired else min(_MAX_BACKOFF, 0.2 * 2**failures) * random.uniform(0.5, 1)
                )

    def learn(self, key: ChildKey, live: Manifest) -> Child:
        """Take the answer to an own write into the cache at once; the watch may only bring later states."""
        child = project(self.resource.kind, live, key)
        self._put(child, notify=False)
        return child

    async def _list(self) -> str:
        found: dict[ChildKey, Child] = {}
        version = ""
        async for page in self._client.list_pages(self.resource, self._selector):
            version = page["metadata"]["resourceVersion"]
            for item in page["items"]:
                child = self._project(item)
                found[child.key] = child
        self._replace(found.values())
        self.synced.set()
        self.last_event = time.monotonic()
        return version

    async def _watch(self, version: str) -> str:
        lifetime = random.randint(240, 360)
        async for event in self._client.watch(
            self.resource, self._selector, version, lifetime=lifetime, silence=_SILENCE
        ):
            self.last_event = self.last_activity = time.monotonic()
            version = event["object"]["metadata"]["resourceVersion"]
            match event["type"]:
                case "ADDED" | "MODIFIED" if self._knows(event["object"]):
                    pass  # the echo of an own write
                case "ADDED" | "MODIFIED":
                    self._put(self._project(event["object"]), notify=True)
                case "DELETED":
                    self._remove(self._project(event["object"]))
        return version

    def _project(self, live: Manifest) -> Child:
        """The projection of a live object; its key stays the one that is in the cache, and so is in memory once."""
        key = key_of(live, self.resource.kind)
        known = self.children.get(key)
        return project(self.resource.kind, live, known.key if known else key)

    def _knows(self, live: Manifest) -> bool:
        """Whether exactly this state is in the cache; costs no projection."""
        metadata = live["metadata"]
        key = ChildKey(self.resource.kind, metadata.get("namespace", ""), metadata["name"])
        known = self.children.get(key)
        return known is not None and (known.uid, known.resource_version) == (
            metadata["uid"],
            metadata["resourceVersion"],
        )

    def _replace(self, children: Iterable[Child]) -> None:
        new = {child.key: child for child in children}
        for key, old in list(self.children.items()):
            if key not in new:
                self._remove(old)
        for child in new.values():
            self._put(child, notify=True)

    def _put(self, child: Child, *, notify: bool) -> None:
        old = self.children.get(child.key)
        if old is not None and not child.is_newer_than(old):
            return
        if old is not None and old.storefront != child.storefront:
            self._by_storefront[old.storefront].pop(child.key, None)
        self.children[child.key] = child
        self._by_storefront[child.storefront][child.key] = child
        # An autoscaler, for one, writes down what it has measured four times a minute.
        if notify and (old is None or child.differs_from(old)):
            self._on_change(old, child)

    def _remove(self, child: Child) -> None:
        old = self.children.get(child.key)
        if old is None or old.uid != child.uid:
            return
        del self.children[child.key]
        siblings = self._by_storefront[old.storefront]
        siblings.pop(child.key, None)
        if not siblings:
            del self._by_storefront[old.storefront]
        self._on_change(old, None)
