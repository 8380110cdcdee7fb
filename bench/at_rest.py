"""A fleet at rest: memory, processor time, and a restart of its operator."""

from __future__ import annotations

import asyncio
import time

from storefront_dev.progress import Progress
from storefront_operator.client import CHILD_RESOURCES
from storefront_operator.client.resources import CLAIMS, PODS
from storefront_operator.objects.labels import STOREFRONT

from bench.fleet import Fleet
from bench.report import Goal, Results, Row
from bench.simulated_pods import bring_up
from bench.waiting import until

PART = "rest"
MEMORY = "resident memory"
RESTART = "restart until every Storefront had its first pass"
_MEMORY_GOAL = Goal(200)
_PROCESSOR_GOAL = Goal(2)


async def settle(fleet: Fleet, progress: Progress) -> int:
    """Bring the pods up and wait until all Storefronts are Ready; returns how many objects the operator holds."""
    count = len(fleet.names)
    extra = await bring_up(fleet, fleet.names)

    async def all_ready() -> bool:
        return (await fleet.operator.metrics()).total("storefront_storefronts", ready="True") == count

    await until(all_ready, f"{count} Storefronts are Ready", seconds=60 + count, every=0.5)
    await fleet.operator.settled()
    objects = (await fleet.cluster.children()).total() + extra
    progress(f"{count} Storefronts Ready and at rest with {objects} objects")
    return objects


async def measure_memory(fleet: Fleet, objects: int, results: Results, *, goal: bool) -> None:
    """Resident memory after an installation, the most that this operator will need."""
    resident = fleet.operator.resident
    limit = _MEMORY_GOAL if goal else None
    results.rows.append(Row(PART, MEMORY, len(fleet.names), objects, resident, "MiB", goal=limit))


async def measure_processor(fleet: Fleet, objects: int, seconds: float, results: Results) -> None:
    """Share of one processor over a while in which nothing happens."""
    writes = (await fleet.operator.metrics()).total("storefront_writes_total")
    busy, began = fleet.operator.cpu_seconds, time.monotonic()
    await asyncio.sleep(seconds)
    share = 100 * (fleet.operator.cpu_seconds - busy) / (time.monotonic() - began)
    writes = (await fleet.operator.metrics()).total("storefront_writes_total") - writes
    count = len(fleet.names)
    what = f"processor time over {seconds:.0f} s"
    results.rows.append(Row(PART, what, count, objects, share, "% of a core", goal=_PROCESSOR_GOAL))
    results.rows.append(
        Row(PART, f"writes over {seconds:.0f} s", count, objects, writes, "writes", goal=Goal(0))
    )


async def measure_restart(fleet: Fleet, objects: int, results: Results, progress: Progress) -> None:
    """Stop the operator and start it again: how long until it has looked at every Storefront once.

    The peer reads the same objects once, page by page, and throws them away.
    """
    count = len(fleet.names)
    reading = await _read_everything(fleet)
    fleet.operator.stop()
    started = fleet.operator.start()

    async def synced() -> bool:
        metrics = await fleet.operator.metrics()
        return (
            metrics.total("storefront_passes_total", outcome="ok") >= count
            and metrics.total("storefront_queue_depth") == 0
        )

    await until(synced, "every Storefront had its first pass", seconds=120 + count, every=0.1)
    seconds = time.monotonic() - started
    metrics = await fleet.operator.settled()
    progress(f"{count} Storefronts: restart took {seconds:.1f} s, reading everything {reading:.1f} s")
    results.rows += [
        Row(PART, RESTART, count, objects, seconds, "s", "list all objects once", reading),
        Row(
            PART,
            "writes after the restart",
            count,
            objects,
            metrics.total("storefront_writes_total"),
            "writes",
            goal=Goal(0),
        ),
        Row(PART, "resident memory after the restart", count, objects, fleet.operator.resident, "MiB"),
    ]


async def _read_everything(fleet: Fleet) -> float:
    client = fleet.cluster.client
    started = time.monotonic()
    for resource in (*CHILD_RESOURCES, PODS, CLAIMS):
        async for _ in client.list_pages(resource, STOREFRONT):
            pass
    return time.monotonic() - started
