"""a. SIGKILL after write k, for every k of a first install, an upgrade and a deletion.

Whatever the operator had done when it died, the next one must bring the Storefront to exactly where an
uninterrupted life ends: nothing missing, nothing left over, no generated credential changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import pytest

from tests.chaos import sampling, state
from tests.chaos.api import Json
from tests.chaos.arena import Arena, side_by_side
from tests.chaos.faults import Crash
from tests.chaos.scenes import Played, Scene
from tests.chaos.shop import SPEC, Shop
from tests.chaos.state import State
from tests.chaos.tally import Row
from tests.chaos.waiting import eventually

pytestmark = pytest.mark.chaos

OLD = {**SPEC, "images": {"tag": "v1"}}
NEW = {**SPEC, "images": {"tag": "v2"}}
VARIANTS = (False, True) if sampling.FULL else (bool(sampling.OFFSET % 2),)
"""Whether the operator has had the answer to its last write; the sample takes turns."""

AT_ONCE = 4


def crash(
    arena: Arena,
    shop: Shop,
    k: int,
    answered: bool,
    act: Callable[[], object],
    meanwhile: Callable[[], object] = lambda: None,
) -> Crash:
    """Do `act` and kill the operator at its k-th write about `shop`; `meanwhile` is called while waiting."""
    fault = Crash(shop.name, k, arena.operator.kill, answered=answered)
    with arena.proxy.fault(fault):
        act()

        def happened() -> bool:
            meanwhile()
            return fault.happened

        eventually(
            happened, f"write {k} of {shop.name} (so far {fault.seen})", shop.patience, arena.operator.log
        )
        arena.operator.stop()
    return fault


def title(k: int, answered: bool, fault: Crash | None = None) -> str:
    """How a case is called in the list of failures."""
    last = f" ({fault.last})" if fault else ""
    return f"killed after write {k}{last} {'with' if answered else 'without'} its answer"


def kept(before: State, after: State) -> None:
    """Every credential that existed is what it was."""
    old, new = state.credentials(before), state.credentials(after)
    changed = [key for key, data in old.items() if new.get(key) != data]
    assert not changed, f"credentials changed: {changed}"


Choice = Callable[[Iterable[int]], list[int]]
"""Which of all k are tried."""


def cases(writes: int, choice: Choice) -> list[tuple[int, bool]]:
    """Each k and variant of this run."""
    return [(k, answered) for k in choice(range(1, writes + 1)) for answered in VARIANTS]


def reference_install(arena: Arena, spec: dict[str, object]) -> tuple[State, int]:
    """What an undisturbed install leads to, and after how many writes."""
    shop = arena.shop()
    shop.apply(spec)
    shop.settle(quiet=1.0)
    return shop.comparable(), len(arena.proxy.writes(shop.name))


def installs(arena: Arena, row: Row, choice: Choice = sampling.chosen) -> None:
    """First installs, each interrupted after another write."""
    expected, writes = reference_install(arena, SPEC)
    row.note = f"{writes} writes"
    for k, answered in cases(writes, choice):
        shop = arena.shop()
        with row.case(title(k, answered)):
            try:
                crash(arena, shop, k, answered, shop.apply)
                before = shop.capture()
            finally:
                arena.restart_operator()
            after = shop.becomes(expected, "ends where an uninterrupted install ends")
            kept(before, after)


def upgrades(arena: Arena, row: Row, choice: Choice = sampling.chosen) -> None:
    """Upgrades to another image tag, to and fro, each interrupted after another write.

    There are no nodes: the test marks the migration Jobs as succeeded.
    """
    shop = arena.shop()
    shop.apply(OLD)
    shop.settle(with_jobs=True, quiet=1.0)
    ends = {"v1": shop.comparable()}
    mark = arena.proxy.mark()
    shop.apply(NEW)
    eventually(shop.finish_jobs, "the migration Job is there", shop.patience, arena.operator.log)
    shop.settle(with_jobs=True, quiet=1.0)
    ends["v2"] = shop.comparable()
    writes = len(arena.proxy.writes(shop.name, mark))
    row.note = f"{writes} writes"
    tag = "v2"
    for k, answered in cases(writes, choice):
        tag = "v1" if tag == "v2" else "v2"
        with row.case(title(k, answered)):
            before = shop.capture()
            try:
                target = OLD if tag == "v1" else NEW
                crash(arena, shop, k, answered, partial(shop.apply, target), shop.finish_jobs)
            finally:
                arena.restart_operator()
            after = shop.becomes(ends[tag], f"ends at {tag} as if uninterrupted", with_jobs=True)
            kept(before, after)


def deletions(arena: Arena, row: Row, policy: str, choice: Choice = sampling.chosen) -> None:
    """Deletions, each interrupted after another write.

    A deletion is mostly waiting for Kubernetes' namespace controller, so several arenas work side by side.
    """
    spec = {**SPEC, "deletionPolicy": policy}
    shop = arena.shop()
    shop.apply(spec)
    shop.settle(quiet=1.0)
    mark = arena.proxy.mark()
    shop.delete()
    shop.wait_gone()
    left = shop.comparable()
    writes = len(arena.proxy.writes(shop.name, mark))
    row.note = f"{writes} writes, {len(left)} objects kept"

    def share(due: list[tuple[int, bool]]) -> None:
        with arena.stage.arena() as another:
            for k, answered in due:
                _deletion(another, row, spec, left, k, answered)

    due = cases(writes, choice)
    shares = [due[number::AT_ONCE] for number in range(min(AT_ONCE, len(due)))]
    side_by_side([partial(share, each) for each in shares])


def _deletion(arena: Arena, row: Row, spec: Json, left: State, k: int, answered: bool) -> None:
    shop = arena.shop()
    with row.case(title(k, answered)):
        shop.apply(spec)
        before = shop.settle()
        try:
            crash(arena, shop, k, answered, shop.delete, shop.hurry_namespaces)
        finally:
            arena.operator.stop()
            arena.start_operator()
        shop.wait_gone()
        after = shop.becomes(left, "leaves what an uninterrupted deletion leaves")
        if spec["deletionPolicy"] == "Retain":
            data = f"{shop.name}-data"
            kept({key: item for key, item in before.items() if key[1] == data}, after)


SCENES = [
    Scene("a. SIGKILL in a deletion (Delete)", "k", partial(deletions, policy="Delete")),
    Scene("a. SIGKILL in a deletion (Retain)", "k", partial(deletions, policy="Retain")),
    Scene("a. SIGKILL in a first install", "k", installs),
    Scene("a. SIGKILL in an upgrade", "k", upgrades),
]


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_an_interrupted_life_goes_on_as_if_uninterrupted(scene: Scene, played: Played) -> None:
    played(scene)
