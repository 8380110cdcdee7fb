"""New objects per second through the operator, against the same writes from a bare client."""

from __future__ import annotations

from dataclasses import dataclass, field

from storefront_dev.progress import Progress

from bench import bare_client
from bench.cluster import Cluster, api_only_cluster
from bench.fleet import Fleet
from bench.recording import Recording
from bench.report import Goal, Results, Row
from bench.subject import names

PART = "throughput"
IN_FLIGHT = (8, 16, 32, 64)
INSTALL = "time to install, per Storefront"
WARM_UP = 2
"""Storefronts that are installed first and do not count: the first requests of a server are slow."""
_GOAL = Goal(0.85, at_most=False, of_ratio=True)


@dataclass
class Limit:
    """What a bare client reaches with each number of requests in flight, in objects per second."""

    rates: dict[int, list[float]] = field(default_factory=dict)

    @property
    def best(self) -> int:
        """The number of requests in flight with which most objects were written."""
        return max(self.rates, key=lambda in_flight: max(self.rates[in_flight]))


async def find_limit(recording: Recording, storefronts: int, progress: Progress) -> Limit:
    """Try every number of requests in flight on a cluster of its own."""
    limit = Limit()
    async with api_only_cluster() as cluster:
        await bare_client.install(cluster.client, recording, names("warm", WARM_UP), IN_FLIGHT[0])
        for in_flight in IN_FLIGHT:
            rate = await _bare(cluster, recording, f"bare{in_flight:02}", storefronts, in_flight)
            limit.rates[in_flight] = [rate]
            progress(f"bare client, {in_flight} in flight: {rate:.0f} objects/s")
    return limit


async def install_fleet(fleet: Fleet, prefix: str, storefronts: int) -> tuple[float, float]:
    """Let the operator install a fleet; returns objects per second and its share of one processor."""
    wanted = names(prefix, storefronts)
    await fleet.install(wanted[:WARM_UP])
    await fleet.operator.settled()
    busy = fleet.operator.cpu_seconds
    seconds = await fleet.install(wanted[WARM_UP:])
    share = (fleet.operator.cpu_seconds - busy) / seconds
    return (storefronts - WARM_UP) * len(fleet.recording) / seconds, share


async def install_alone(fleet: Fleet, storefronts: int, results: Results, progress: Progress) -> None:
    """Install a fleet without a peer beside it: a point on the curve of growth."""
    rate, share = await install_fleet(fleet, "shop", storefronts)
    progress(f"{storefronts} Storefronts: operator {rate:.0f} objects/s, {share:.2f} of a processor")
    await fleet.operator.settled()
    results.rows.append(_per_storefront(fleet, await fleet.check(), rate))


def _per_storefront(fleet: Fleet, objects: int, rate: float) -> Row:
    milliseconds = 1000 * len(fleet.recording) / rate
    return Row(PART, INSTALL, len(fleet.names), objects, milliseconds, "ms")


async def compare(fleet: Fleet, storefronts: int, limit: Limit, results: Results, progress: Progress) -> None:
    """Measure the operator between two halves of the bare client's work, so that both see the same machine.

    The bare client installs as many: an API server writes the more slowly the more there is, Services above all.
    """
    recording, in_flight = fleet.recording, limit.best
    half = max(storefronts // 2, WARM_UP)
    async with api_only_cluster() as cluster:
        await bare_client.install(cluster.client, recording, names("warm", WARM_UP), in_flight)
        before = await _bare(cluster, recording, "before", half, in_flight)
        progress(f"{storefronts} Storefronts: bare client {before:.0f} objects/s, {in_flight} in flight")
        rate, share = await install_fleet(fleet, "shop", storefronts)
        progress(f"{storefronts} Storefronts: operator {rate:.0f} objects/s, {share:.2f} of a processor")
        await fleet.operator.settled()
        after = await _bare(cluster, recording, "after", half, in_flight)
        progress(f"{storefronts} Storefronts: bare client {after:.0f} objects/s again")
    objects = await fleet.check()
    results.rows.append(_per_storefront(fleet, objects, rate))
    results.rows.append(
        Row(
            PART,
            "new objects per second",
            storefronts,
            objects,
            rate,
            "/s",
            f"bare client, {in_flight} in flight",
            2 / (1 / before + 1 / after),
            _GOAL,
            {
                "bare client": [before, after],
                **{f"{n} in flight": rates for n, rates in limit.rates.items()},
                "processors used by the operator": [share],
            },
        )
    )


async def _bare(
    cluster: Cluster, recording: Recording, prefix: str, storefronts: int, in_flight: int
) -> float:
    seconds = await bare_client.install(cluster.client, recording, names(prefix, storefronts), in_flight)
    return storefronts * len(recording) / seconds
