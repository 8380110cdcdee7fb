"""The cache of one kind: which changes of an object are passed on, and which mean nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, cast

import pytest
from storefront_operator.client import Client, resource_of
from storefront_operator.engine.informer import Informer
from storefront_operator.objects import Child

Json = dict[str, Any]


def autoscaler(version: int, used: int, *, metrics: bool = True, uid: str = "u") -> Json:
    """A HorizontalPodAutoscaler that has measured `used`."""
    condition = {"type": "ScalingActive", "status": str(metrics), "reason": "FailedGetResourceMetric"}
    return {
        "metadata": {
            "name": "order",
            "namespace": "shop-services",
            "uid": uid,
            "resourceVersion": str(version),
            "labels": {"storefront.dev/name": "shop"},
        },
        "spec": {},
        "status": {"conditions": [condition], "currentMetrics": [used]},
    }


class FakeClient:
    """Answers a list, and a watch that tells some events and then nothing."""

    def __init__(self, listed: Json, events: Sequence[Json]) -> None:
        self._listed, self._events = listed, events
        self.over = asyncio.Event()

    async def list_pages(self, resource: Any, selector: str) -> AsyncIterator[Json]:
        yield {"metadata": {"resourceVersion": "1"}, "items": [self._listed]}

    async def watch(self, *_: Any, **__: Any) -> AsyncIterator[Json]:
        for live in self._events:
            yield {"type": "MODIFIED", "object": live}
        self.over.set()
        await asyncio.Event().wait()


async def told(listed: Json, *events: Json) -> list[tuple[str, str]]:
    """Versions before and after of the changes that are passed on."""
    changes: list[tuple[str, str]] = []

    def on_change(before: Child | None, after: Child | None) -> None:
        versions = [each.resource_version if each else "" for each in (before, after)]
        changes.append((versions[0], versions[1]))

    client = FakeClient(listed, events)
    informer = Informer(
        cast(Client, client),
        resource_of("HorizontalPodAutoscaler"),
        "",
        on_change,
        asyncio.Semaphore(1),
    )
    running = asyncio.create_task(informer.run())
    try:
        await asyncio.wait_for(client.over.wait(), 5)
    finally:
        running.cancel()
    (child,) = informer.children.values()
    newest = max([listed, *events], key=_version)
    assert child.resource_version == newest["metadata"]["resourceVersion"], "the cache has the newest state"
    return changes


def _version(live: Mapping[str, Any]) -> int:
    return int(live["metadata"]["resourceVersion"])


async def test_a_measurement_asks_for_no_pass() -> None:
    assert await told(autoscaler(1, 10), autoscaler(2, 90), autoscaler(3, 50)) == [("", "1")]


@pytest.mark.parametrize("change", [{"metrics": False}, {"uid": "another"}])
async def test_what_matters_is_passed_on(change: dict[str, Any]) -> None:
    assert await told(autoscaler(1, 10), autoscaler(2, 10, **change)) == [("", "1"), ("1", "2")]


async def test_a_deletion_that_begins_is_passed_on() -> None:
    going = autoscaler(2, 10)
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    assert await told(autoscaler(1, 10), going) == [("", "1"), ("1", "2")]
