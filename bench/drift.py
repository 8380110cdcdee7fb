"""Children that somebody else changes or deletes: how long until each is as desired again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from storefront_dev.progress import Progress
from storefront_operator.client import CHILD_RESOURCES, Client, Resource
from storefront_operator.objects import ChildKey, Manifest
from storefront_operator.objects.labels import GENERATED, STOREFRONT

from bench.arrivals import version_of
from bench.fleet import Fleet
from bench.report import Goal, Results, Row, quantile
from bench.waiting import NotInTimeError

PART = "drift"
_GOAL = Goal(2)
_PATIENCE = 60.0
_LABEL = "app.kubernetes.io/part-of"
_MEDDLED = "somebody-else"
_SEED = 4


@dataclass
class Wound:
    """One child that was meddled with; times are monotonic seconds."""

    resource: Resource
    live: Manifest
    deleted: bool
    inflicted: float = 0.0
    seen: float = 0.0
    repaired: float = 0.0
    healed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def key(self) -> ChildKey:
        """Which object it is."""
        metadata = self.live["metadata"]
        return ChildKey(self.resource.kind, metadata.get("namespace", ""), metadata["name"])

    def notice(self, event: Mapping[str, Any]) -> None:
        """Take a watch event about the object: first the damage becomes visible, then its repair."""
        meddled = event["type"] == "DELETED" or _is_meddled(self.live, event["object"])
        if meddled and not self.seen:
            self.seen = time.monotonic()
        elif self.seen and not meddled and not self.repaired:
            self.repaired = time.monotonic()
            self.healed.set()


async def measure(fleet: Fleet, count: int, per_second: float, results: Results, progress: Progress) -> None:
    """Change or delete `count` random children at an even pace and wait for their repair."""
    client = fleet.cluster.client
    wounds = {wound.key: wound for wound in await _choose(client, count)}
    async with asyncio.TaskGroup() as group:
        watches = [
            group.create_task(_follow(client, resource, await version_of(client, resource), wounds))
            for resource in CHILD_RESOURCES
        ]
        began = time.monotonic()
        for number, wound in enumerate(wounds.values()):
            await asyncio.sleep(max(0.0, began + number / per_second - time.monotonic()))
            group.create_task(_inflict(client, wound))
        try:
            async with asyncio.timeout(_PATIENCE):
                for wound in wounds.values():
                    await wound.healed.wait()
        except TimeoutError:
            left = ", ".join(
                f"{wound.key} ({'deleted' if wound.deleted else 'changed'})"
                for wound in wounds.values()
                if not wound.healed.is_set()
            )
            raise NotInTimeError(f"not repaired within {_PATIENCE:.0f} s: {left}") from None
        for watch in watches:
            watch.cancel()
    _report(fleet, list(wounds.values()), results, progress)


def _report(fleet: Fleet, wounds: list[Wound], results: Results, progress: Progress) -> None:
    repairs = [wound.repaired - wound.inflicted for wound in wounds]
    floor = [wound.seen - wound.inflicted for wound in wounds]
    progress(f"{len(wounds)} children repaired, 99 % within {quantile(repairs, 0.99):.2f} s")
    kinds = {
        f"{what} {kind}": [
            w.repaired - w.inflicted for w in wounds if (w.key.kind, w.deleted) == (kind, deleted)
        ]
        for what, deleted in (("changed", False), ("deleted", True))
        for kind in sorted({wound.key.kind for wound in wounds})
    }
    for share, goal in ((0.5, None), (0.99, _GOAL)):
        results.rows.append(
            Row(
                PART,
                f"time to repair, p{100 * share:.0f}",
                len(fleet.names),
                len(wounds),
                quantile(repairs, share),
                "s",
                "until a watch shows the damage",
                quantile(floor, share),
                goal,
                {"all": repairs} if goal is None else kinds,
            )
        )


async def _choose(client: Client, count: int) -> list[Wound]:
    """Random children; namespaces are only changed, and generated credentials left alone."""
    candidates = [
        (resource, live)
        for resource in CHILD_RESOURCES
        async for page in client.list_pages(resource, STOREFRONT)
        for live in page["items"]
        if GENERATED not in live["metadata"]["labels"]
    ]
    chosen = random.Random(_SEED).sample(candidates, min(count, len(candidates)))
    return [
        Wound(resource, live, deleted=resource.kind != "Namespace" and number % 2 == 0)
        for number, (resource, live) in enumerate(chosen)
    ]


async def _inflict(client: Client, wound: Wound) -> None:
    metadata = wound.live["metadata"]
    wound.inflicted = time.monotonic()
    if wound.deleted:
        await client.delete(wound.resource, wound.key.namespace, wound.key.name, uid=metadata["uid"])
    else:
        await client.patch(wound.resource, wound.key.namespace, wound.key.name, _patch(wound.live))


def _patch(live: Manifest) -> dict[str, Any]:
    """A change of something the operator owns: replicas or data where there are any, else a label."""
    if _has_own_replicas(live):
        return {"spec": {"replicas": live["spec"]["replicas"] + 1}}
    if live.get("data"):
        return {"data": {next(iter(live["data"])): "AAAA"}}
    return {"metadata": {"labels": {_LABEL: _MEDDLED}}}


def _has_own_replicas(live: Manifest) -> bool:
    """Whether it is a StatefulSet: a Deployment's replicas may be an autoscaler's, and are nobody's drift then."""
    return "serviceName" in live.get("spec", {})


def _is_meddled(before: Manifest, now: Manifest) -> bool:
    """Whether an object differs from what it was where `_patch` changes it."""
    return (
        (_has_own_replicas(before) and now["spec"]["replicas"] != before["spec"]["replicas"])
        or now.get("data") != before.get("data")
        or now["metadata"]["labels"].get(_LABEL) == _MEDDLED
    )


async def _follow(client: Client, resource: Resource, version: str, wounds: Mapping[ChildKey, Wound]) -> None:
    async for event in _events(client, resource, version):
        metadata = event["object"]["metadata"]
        wound = wounds.get(ChildKey(resource.kind, metadata.get("namespace", ""), metadata.get("name", "")))
        if wound is not None and wound.inflicted:
            wound.notice(event)


def _events(client: Client, resource: Resource, version: str) -> AsyncIterator[dict[str, Any]]:
    return client.watch(resource, STOREFRONT, version, lifetime=3600, silence=3600)
