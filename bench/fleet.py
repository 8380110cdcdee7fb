"""A fleet of Storefronts that one operator looks after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

from storefront_operator.client.resources import STOREFRONTS

from bench.cluster import Cluster, api_only_cluster
from bench.operator_process import OperatorProcess
from bench.recording import Recording
from bench.subject import storefront
from bench.waiting import NotInTimeError, until

_SLOWEST = 10.0  # objects per second; slower than this is taken for hanging


class Fleet:
    """An operator on a cluster of its own, and the Storefronts `names` that were applied."""

    def __init__(self, cluster: Cluster, operator: OperatorProcess, recording: Recording) -> None:
        self.cluster, self.operator, self.recording = cluster, operator, recording
        self.names: list[str] = []

    async def install(self, names: Sequence[str]) -> float:
        """Apply Storefronts at once; returns the seconds until all children of all of them exist."""
        per_storefront = self.recording.kinds()
        before = await self.cluster.counts(per_storefront)
        wanted = {kind: before[kind] + len(names) * each for kind, each in per_storefront.items()}
        patience = 30 + len(names) * len(self.recording) / _SLOWEST

        async def complete() -> bool:
            # Asked first, for it costs the same however many there are: to count takes the API server a look at all.
            if not await self._had_a_pass(names[-1]):
                return False
            found = await self.cluster.counts(per_storefront)
            return all(found[kind] >= count for kind, count in wanted.items())

        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            line = iter(names)
            for _ in range(8):
                group.create_task(self._apply(line))
            group.create_task(self._await(complete, patience))
        self.names += names
        return time.monotonic() - started

    async def _had_a_pass(self, name: str) -> bool:
        """Whether the operator has told in the status what became of a Storefront."""
        found = await self.cluster.client.get(STOREFRONTS, "", name)
        conditions = ((found or {}).get("status") or {}).get("conditions", ())
        return any(each["type"] == "Ready" and each["status"] != "Unknown" for each in conditions)

    async def check(self) -> int:
        """Count the children by listing them; returns how many there are.

        Raises `AssertionError` when a Storefront lacks any, so that no figure tells of an unfinished fleet.
        """
        found = await self.cluster.children()
        for kind, each in self.recording.kinds().items():
            assert found[kind] == each * len(self.names), f"{kind}: {found[kind]} of {each * len(self.names)}"
        return found.total()

    async def _await(self, complete: Callable[[], Awaitable[bool]], patience: float) -> None:
        try:
            await until(complete, "all children exist", seconds=patience)
        except NotInTimeError as error:
            raise NotInTimeError(
                f"{error}; the operator's log ends with\n{self.operator.log_end()}"
            ) from error

    async def _apply(self, line: Iterator[str]) -> None:
        for name in line:
            await self.cluster.client.create(STOREFRONTS, storefront(name))


@asynccontextmanager
async def empty_fleet(recording: Recording) -> AsyncIterator[Fleet]:
    """A cluster without Storefronts and an operator that waits for some."""
    async with api_only_cluster() as cluster:
        with OperatorProcess(cluster.kubeconfig, cluster.folder / "operator.log") as operator:
            operator.start()
            await operator.ready()
            yield Fleet(cluster, operator, recording)
