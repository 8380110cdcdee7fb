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
from tests.chaos.shop import PAUSE, SPEC, WHOLE, Shop
from tests.chaos.state import State
from tests.chaos.tally import NothingHappenedError, Row

pytestmark = pytest.mark.chaos

OLD = {**SPEC, "images": {"tag": "v1"}}
NEW = {**SPEC, "images": {"tag": "v2"}}
AT_ONCE = 4
INSTALLERS = sampling.size(3, 2)
"""Arenas that share the cases: each case is mostly waiting."""

OVER_AFTER = 4.0
"""Seconds without a write after which a life that is as it should be has no further ones."""


def crash(
    arena: Arena,
    shop: Shop,
    k: int,
    answered: bool,
    act: Callable[[], object],
    over: Callable[[], bool],
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """Do `act` and kill the operator at its k-th write about `shop`; `meanwhile` is called while waiting.

    How often the status is written depends on what the controllers are seen to do, so one life has a write or two
    fewer than another: raises NothingHappenedError when it is `over` before the k-th.
    """
    fault = Crash(shop.name, k, arena.operator.kill, answered=answered)
    with arena.proxy.fault(fault):
        act()

        def happened_or_over() -> bool:
            meanwhile()
            return fault.happened or (shop.quiet_for() > OVER_AFTER and over())

        shop.eventually(happened_or_over, f"write {k} of {shop.name}", arena.operator.log, PAUSE)
        arena.operator.stop()
    if not fault.happened:
        raise NothingHappenedError


def title(k: int, answered: bool) -> str:
    """How a case is called in the list of failures."""
    return f"killed after write {k} {'with' if answered else 'without'} its answer"


def kept(before: State, after: State) -> None:
    """Every credential that existed is what it was."""
    old, new = state.credentials(before), state.credentials(after)
    changed = [key for key, data in old.items() if new.get(key) != data]
    assert not changed, f"credentials changed: {changed}"


Choice = Callable[[Iterable[int]], list[int]]
"""Which of all k are tried."""


def cases(writes: int, choice: Choice) -> list[tuple[int, bool]]:
    """Each k of this run, and whether the operator has had the answer to its last write.

    They take turns: what is in the cluster is the same, and what the operator knew has died with it.
    """
    due = choice(range(1, writes + 1))
    return [(k, bool((turn + sampling.OFFSET) % 2)) for turn, k in enumerate(due)]


def shares(due: list[tuple[int, bool]], of: int) -> list[list[tuple[int, bool]]]:
    """Cases dealt out evenly."""
    return [due[number::of] for number in range(min(of, len(due)))]


def reference_install(arena: Arena, spec: dict[str, object]) -> tuple[State, int]:
    """What an undisturbed install leads to, and after how many writes."""
    shop = arena.shop()
    shop.apply(spec)
    shop.settle(quiet=1.0)
    return shop.comparable(), len(arena.proxy.writes(shop.name))


def installs(arena: Arena, row: Row, choice: Choice = sampling.chosen) -> None:
    """First installs, each interrupted after another write."""
    expected, writes = reference_install(arena, WHOLE)
    row.note = f"{writes} writes"
    side_by_side(
        partial(_installs, arena, row, expected, due) for due in shares(cases(writes, choice), INSTALLERS)
    )


def _installs(arena: Arena, row: Row, expected: State, due: list[tuple[int, bool]]) -> None:
    with arena.another() as another:
        for k, answered in due:
            shop = another.shop()
            with row.case(title(k, answered)):
                try:
                    crash(another, shop, k, answered, partial(shop.apply, WHOLE), shop.is_settled)
                    before = shop.capture()
                finally:
                    another.restart_operator()
                after = shop.becomes(expected, "ends where an uninterrupted install ends")
                kept(before, after)
            another.retire(shop)


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
    shop.eventually(shop.finish_jobs, "the migration Job is there", arena.operator.log)
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
                crash(
                    arena,
                    shop,
                    k,
                    answered,
                    partial(shop.apply, target),
                    shop.is_settled,
                    shop.finish_jobs,
                )
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

    side_by_side(
        partial(_deletions, arena, row, spec, left, due) for due in shares(cases(writes, choice), AT_ONCE)
    )


def _deletions(arena: Arena, row: Row, spec: Json, left: State, due: list[tuple[int, bool]]) -> None:
    with arena.another() as another:
        for k, answered in due:
            _deletion(another, row, spec, left, k, answered)


def _deletion(arena: Arena, row: Row, spec: Json, left: State, k: int, answered: bool) -> None:
    shop = arena.shop()
    with row.case(title(k, answered)):
        shop.apply(spec)
        before = shop.settle()
        try:
            crash(arena, shop, k, answered, shop.delete, shop.is_gone, shop.hurry_namespaces)
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
