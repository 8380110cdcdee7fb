"""h. Steady state: zero writes and next to no reads. Here silence itself is what is observed."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from tests.chaos import sampling
from tests.chaos.arena import Arena
from tests.chaos.scenes import Played, Scene
from tests.chaos.tally import Row
from tests.chaos.waiting import eventually

pytestmark = pytest.mark.chaos

ALONE = True

SHOPS = sampling.size(100, 20)
SECONDS = sampling.size(300, 20)
READS_PER_MINUTE = 15
"""Watches end and are opened again, each kind's about once in five minutes; leases and pods add a few."""

BATCH = 20


def silence(arena: Arena, row: Row, shops: int = SHOPS, seconds: float = SECONDS) -> None:
    """Many settled Storefronts, then nothing."""
    fleet = [arena.shop() for _ in range(shops)]
    for start in range(0, shops, BATCH):
        for shop in fleet[start : start + BATCH]:
            shop.apply()
        for shop in fleet[start : start + BATCH]:
            shop.settle(with_jobs=True)

    # The controllers have the last word after the operator: wait until all have said it.
    def silent_for() -> float:
        return arena.proxy.idle_since(lambda call: True)

    eventually(
        lambda: silent_for() > 3.0,
        "everything falls silent",
        arena.patience,
        lambda: _summary(arena, -30),
        still_for=silent_for,
    )
    mark = arena.proxy.mark()
    time.sleep(seconds)
    since = arena.proxy.since(mark)
    writes = [str(e.call) for e in since if e.call.is_write]
    reads = [str(e.call) for e in since if not e.call.is_write and e.call.kind != "Lease"]
    row.note = f"{shops} Storefronts, {seconds:.0f} s: {len(writes)} writes, {len(reads)} reads"
    with row.case("zero writes"):
        assert not writes, f"{len(writes)} writes: {Counter(writes).most_common(5)}"
    with row.case("next to no reads"):
        allowed = READS_PER_MINUTE * max(1.0, seconds / 60)
        assert len(reads) <= allowed, f"{len(reads)} reads: {Counter(reads).most_common(5)}"


def _summary(arena: Arena, mark: int) -> str:
    return str(Counter(str(e.call) for e in arena.proxy.since(mark)).most_common(5))


SCENES = [Scene("h. steady state", "claims", silence)]


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_at_rest_nothing_is_written_and_next_to_nothing_read(scene: Scene, played: Played) -> None:
    played(scene)
