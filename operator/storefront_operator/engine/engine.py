"""The engine: a view of the cluster, a queue of Storefronts, and workers that run passes."""

from __future__ import annotations

import asyncio
import datetime
import gc
import random
import time
from collections.abc import Mapping
from typing import Any

import structlog

from storefront_operator.client import ApiError, ApiUnavailableError, Client
from storefront_operator.client.resources import STOREFRONTS
from storefront_operator.components import Reason
from storefront_operator.engine import conditions, metrics
from storefront_operator.engine.apply import Applier
from storefront_operator.engine.conditions import Verdict
from storefront_operator.engine.events import EventPoster
from storefront_operator.engine.inquiries import Inquiries
from storefront_operator.engine.queue import Queue
from storefront_operator.engine.reconcile import GoneError, PassFailedError, Reconciler
from storefront_operator.engine.teardown import tear_down
from storefront_operator.engine.view import View
from storefront_operator.objects.labels import FINALIZER, ROTATE

log = structlog.get_logger()

_WORKERS = 16
"""Passes at a time; most of one is waiting for answers."""
_SETTLE = 0.05  # seconds; one change of a child rarely comes alone
_RESYNC = 600.0  # seconds; everything is driven by events, this is a safety net

Resource = Mapping[str, Any]


class Engine:
    """What the handlers talk to: they tell it about Storefronts, it does the rest."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._queue = Queue()
        self.view = View(client, lambda name: self._queue.add_after(name, _SETTLE))
        self._applier = Applier(client, self.view)
        self._events = EventPoster(client)
        self._inquiries = Inquiries(self._queue.add)
        self._reconciler = Reconciler(client, self.view, self._applier, self._events, self._inquiries)
        self._resources: dict[str, Resource] = {}
        self._passed: dict[str, float] = {}
        """When the last pass over each Storefront ended."""
        self._running = False

    def stuck(self) -> str | None:
        """The kind whose watch is stuck, or None; nothing is before the work has begun."""
        return self.view.stuck() if self._running else None

    async def run(self) -> None:
        """Work until cancelled."""
        self._running = True
        async with asyncio.TaskGroup() as group:
            group.create_task(self.view.run())
            group.create_task(self._events.run())
            group.create_task(self._inquiries.run())
            await self.view.synced()
            # What is known now is known for long: the garbage collector need not go through it again and again.
            gc.collect()
            gc.freeze()
            log.info("caches are filled")
            for _ in range(_WORKERS):
                group.create_task(self._work())

    def seen(self, resource: Resource) -> None:
        """A Storefront is there, or has changed; an older state than the one that is known is ignored."""
        name = resource["metadata"]["name"]
        before = self._resources.get(name)
        if before is not None:
            if _version(resource) < _version(before):
                return
            if before["metadata"]["uid"] != resource["metadata"]["uid"]:
                self._reconciler.forget(name)
        resource = self._reconciler.sharing_status(resource)
        self._resources[name] = resource
        if before is None or _what_matters(before) != _what_matters(resource):
            self._queue.add(name, urgent=True)

    def gone(self, resource: Resource) -> None:
        """A Storefront has left the cluster; nothing happens when another one has its name by now."""
        name = resource["metadata"]["name"]
        known = self._resources.get(name)
        if known is None or known["metadata"]["uid"] != resource["metadata"]["uid"]:
            return
        del self._resources[name]
        self._queue.forget(name)
        self._reconciler.forget(name)
        if self._passed.pop(name, None) is not None:
            metrics.PASS_AGE.remove(name)

    async def _work(self) -> None:
        while True:
            name = await self._queue.get()
            try:
                await self._pass(name)
            finally:
                self._queue.done(name)

    async def _pass(self, name: str) -> None:
        resource = self._resources.get(name)
        if resource is None:
            return
        metadata = resource["metadata"]
        started = time.monotonic()
        try:
            held = FINALIZER in metadata.get("finalizers", ())
            if "deletionTimestamp" in metadata:
                if held:
                    await self._tear_down(name, resource)
            elif not held:
                # Before anything is made: without the finalizer a deletion could go by unseen.
                self.seen(
                    await self._patch_finalizers(resource, [*metadata.get("finalizers", ()), FINALIZER])
                )
            elif (pause := await self._reconciler.reconcile(resource)) == 0.0:
                self._queue.add(name)
            else:
                self._queue.add_after(name, pause or _RESYNC * random.uniform(0.8, 1.2))
        except GoneError:
            metrics.PASSES.labels(outcome="gone").inc()
            log.info("is gone, unseen", storefront=name)
            self.gone(resource)
        except (ApiError, ApiUnavailableError, PassFailedError) as error:
            metrics.PASSES.labels(outcome="failed").inc()
            delay = self._queue.retry(name, at_least=getattr(error, "retry_after", None) or 0.0)
            log.warning("pass failed", storefront=name, error=str(error), retry_in=round(delay, 1))
        except Exception:
            metrics.PASSES.labels(outcome="error").inc()
            delay = self._queue.retry(name)
            log.exception("pass broke; this is a bug", storefront=name, retry_in=round(delay, 1))
        else:
            metrics.PASSES.labels(outcome="ok").inc()
            self._queue.succeeded(name)
        ended = time.monotonic()
        metrics.PASS_SECONDS.observe(ended - started)
        if name in self._resources:
            self._passed[name] = ended

    async def _tear_down(self, name: str, resource: Resource) -> None:
        # What is seen may be old, and the name may belong to a new Storefront by now: deletions ask first.
        live = await self._client.get(STOREFRONTS, "", name)
        if live is None or live["metadata"]["uid"] != resource["metadata"]["uid"]:
            raise GoneError(name)
        waiting = await tear_down(self._client, self.view, self._applier, live)
        if waiting is None:
            log.info("torn down", storefront=name)
            finalizers = live["metadata"].get("finalizers", ())
            if FINALIZER in finalizers:
                await self._patch_finalizers(live, [each for each in finalizers if each != FINALIZER])
            return
        verdict = Verdict(Reason.DELETING, waiting, "Deleting")
        status = self._reconciler.status_of(live)
        now = datetime.datetime.now(datetime.UTC)
        generation = live["metadata"]["generation"]
        await self._reconciler.write_status(live, conditions.kept_status(status, generation, verdict, now))
        self._queue.add_after(name, _RESYNC)

    async def _patch_finalizers(self, resource: Resource, finalizers: list[str]) -> Resource:
        """Write the finalizers of a Storefront, if it is still in the state that was seen; returns it."""
        metadata = resource["metadata"]
        patch = {"metadata": {"finalizers": finalizers, "resourceVersion": metadata["resourceVersion"]}}
        return await self._client.patch(STOREFRONTS, "", metadata["name"], patch)

    def export_metrics(self) -> None:
        """Write to the metrics what is only worth counting when somebody asks."""
        self.view.export_metrics()
        metrics.QUEUE_DEPTH.set(self._queue.depth)
        metrics.QUEUE_AGE.set(self._queue.age)
        now = time.monotonic()
        for name, ended in self._passed.items():
            metrics.PASS_AGE.labels(storefront=name).set(now - ended)
        counts = {"True": 0, "False": 0, "Unknown": 0}
        for resource in self._resources.values():
            ready = conditions.ready_condition(self._reconciler.status_of(resource))
            counts[ready["status"] if ready else "Unknown"] += 1
        for status, count in counts.items():
            metrics.STOREFRONTS.labels(ready=status).set(count)


def _version(resource: Resource) -> int:
    return int(resource["metadata"]["resourceVersion"])


def _what_matters(resource: Resource) -> tuple[Any, ...]:
    """The part of a Storefront whose change asks for a pass: not its status, which is our own writing."""
    metadata = resource["metadata"]
    return (
        metadata["uid"],
        metadata["generation"],
        metadata.get("deletionTimestamp"),
        tuple(metadata.get("finalizers", ())),
        metadata.get("annotations", {}).get(ROTATE),
    )
