"""All informers together: the operator's view of every child object."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from storefront_operator.client import CHILD_RESOURCES, Client
from storefront_operator.client.resources import CLAIMS, NODES, PODS
from storefront_operator.engine import metrics
from storefront_operator.engine.informer import Informer
from storefront_operator.objects import Child, ChildKey, Manifest, Observed
from storefront_operator.objects.labels import FIELD_MANAGER, MANAGED_BY, STOREFRONT

_STUCK = 300.0
"""Seconds; three times what a silent watch may last before it is reconnected."""

_LISTS = 2
"""Kinds that are listed at a time."""


class View:
    """Caches of every child kind. `on_change(name)` is called when a child of that Storefront has changed."""

    def __init__(self, client: Client, on_change: Callable[[str], None]) -> None:
        self._notify = on_change
        listing = asyncio.Semaphore(_LISTS)
        managed = f"{MANAGED_BY}={FIELD_MANAGER}"
        selectors = dict.fromkeys(CHILD_RESOURCES, managed)
        # Pods and claims are made by Kubernetes' controllers from our templates.
        selectors |= {PODS: STOREFRONT, CLAIMS: STOREFRONT}
        self.informers = {
            resource.kind: Informer(client, resource, selector, self._changed, listing)
            for resource, selector in selectors.items()
        }
        self._nodes = Informer(client, NODES, "", self._node_changed, listing)
        self.informers[NODES.kind] = self._nodes

    async def run(self) -> None:
        """Keep all caches up to date until cancelled."""
        async with asyncio.TaskGroup() as group:
            for informer in self.informers.values():
                group.create_task(informer.run())

    async def synced(self) -> None:
        """Wait until every kind has been listed."""
        for informer in self.informers.values():
            await informer.synced.wait()

    def observe(self, storefront: str) -> Observed:
        """The children of one Storefront as they are known now."""
        children = {}
        for informer in self.informers.values():
            children.update(informer.of_storefront(storefront))
        return Observed(children, self._nodes.children)

    def learn(self, key: ChildKey, live: Manifest) -> Child:
        """Take the answer to an own write into the cache."""
        return self.informers[key.kind].learn(key, live)

    def stuck(self) -> str | None:
        """The kind whose watch neither brings anything nor is being reconnected, or None.

        A failed attempt to reconnect counts as activity: an API server that is away is not the operator's fault.
        """
        now = time.monotonic()
        for kind, informer in self.informers.items():
            if now - informer.last_activity > _STUCK:
                return kind
        return None

    def export_metrics(self) -> None:
        """Write the age of each watch to the metrics."""
        now = time.monotonic()
        for kind, informer in self.informers.items():
            metrics.WATCH_AGE.labels(kind=kind).set(now - informer.last_event)

    def _node_changed(self, before: Child | None, after: Child | None) -> None:
        if before is not None and after is not None and before.facts == after.facts:
            return
        (node,) = {child.key.name for child in (before, after) if child is not None}
        pods = self.informers[PODS.kind].children.values()
        for storefront in {pod.storefront for pod in pods if pod.facts["node"] == node}:
            self._notify(storefront)

    def _changed(self, before: Child | None, after: Child | None) -> None:
        for child in (before, after):
            if child is not None and child.storefront:
                self._notify(child.storefront)
