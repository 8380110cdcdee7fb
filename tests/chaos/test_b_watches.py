"""b. Child events dropped, duplicated, delayed; watches closed and expired; an API server that restarts or is away.

A real API server never loses an event of a watch that goes on: what it cannot deliver ends with the watch, and the
next list tells. So where a dropped event is missed, the test lets the watches expire (410), as the server would,
and says in the table how often that was needed.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.chaos import sampling, state
from tests.chaos.arena import Arena
from tests.chaos.faults import (
    Away,
    DelayEvent,
    DropEvent,
    DuplicateEvent,
    EventFault,
    ForgetHistory,
    HoldWatches,
)
from tests.chaos.scenes import Played, Scene
from tests.chaos.shop import QUIET, SMALL, Shop
from tests.chaos.state import Key, State
from tests.chaos.tally import Row
from tests.chaos.test_g_drift import mutate, remove, repaired, subjects
from tests.chaos.traffic import Call, Event, storefront_of
from tests.chaos.waiting import eventually

pytestmark = pytest.mark.chaos

# An event of one store's children is treated as one of another's: small Storefronts have every kind of event.
OLD = {**SMALL, "images": {"tag": "v1"}}
NEW = {**SMALL, "images": {"tag": "v2"}}
BATCH = 8
DELAY = 1.0
"""Seconds that a delayed event takes."""
MISSED_AFTER = 3.0
"""Seconds without a write after which a Storefront that has not arrived has missed something."""
VANISHED_SECONDS = 3.0
AWAY_SECONDS = sampling.size(60, 20)


def event_faults(arena: Arena, row: Row, make: Callable[[dict[str, int]], EventFault]) -> None:
    """Storefronts that are installed and upgraded; in each life something happens to other events.

    They are the n-th of every kind, and n is another one in each life: a watch, which is what loses or delays an
    event, is one kind's.
    """
    shop = arena.shop()
    counter = EventFault({shop.name: -1})
    with arena.proxy.fault(counter):
        shop.apply(OLD)
        shop.settle(with_jobs=True, quiet=1.0)
        middle = shop.comparable()
        shop.apply(NEW)
        shop.settle(with_jobs=True, quiet=1.0)
    end = shop.comparable()
    events = counter.counts[shop.name]
    numbers = sampling.chosen(range(1, max(events.values()) + 1))
    relists = 0
    for start in range(0, len(numbers), BATCH):
        targets = {arena.shop(): number for number in numbers[start : start + BATCH]}
        fault = make({shop.name: number for shop, number in targets.items()})
        with arena.proxy.fault(fault):
            relists += _lives(arena, row, fault, targets, middle, end)
        arena.retire(*targets)
    row.note = f"{events.total()} events in a life, {len(numbers)} lives"
    row.note += f", {relists} ended by a relist only" if relists else ""


def _lives(
    arena: Arena, row: Row, fault: EventFault, targets: dict[Shop, int], middle: State, end: State
) -> int:
    relists = 0
    failed: dict[Shop, AssertionError] = {}
    for spec, expected in ((OLD, middle), (NEW, end)):
        for shop in targets:
            shop.apply(spec)
        for shop in targets.keys() - failed.keys():
            try:
                relists += _arrives(arena, shop, expected)
            except AssertionError as error:
                failed[shop] = error
    for shop in targets:
        for event in fault.hit[shop.name]:
            with row.case(f"event {event}"):
                if shop in failed:
                    raise failed[shop]
    return relists


def _arrives(arena: Arena, shop: Shop, expected: State) -> int:
    """Whether a relist was needed to bring a Storefront to its end."""

    def arrived_or_stuck() -> str:
        shop.finish_jobs()
        if shop.quiet_for() < QUIET:
            return ""
        if not state.differences(expected, shop.comparable(), 1):
            return "arrived"
        return "stuck" if shop.quiet_for() > MISSED_AFTER else ""

    if shop.eventually(arrived_or_stuck, f"{shop.name} moves", interval=0.1) == "arrived":
        return 0
    arena.proxy.expire_watches(lambda call: call.kind != "Storefront")
    shop.becomes(expected, "arrives after a relist", with_jobs=True)
    return 1


def watches_that_keep_closing(arena: Arena, row: Row) -> None:
    """Every watch is closed several times a second while a Storefront is installed; none stays closed."""
    reference = arena.shop()
    reference.apply()
    reference.settle(quiet=1.0)
    expected = reference.comparable()
    for _ in range(3):
        shop = arena.shop()
        with row.case("watches closed during an install"):
            shop.apply()
            cuts = 0
            deadline = time.monotonic() + shop.patience
            while not shop.is_settled() or cuts < 5:
                assert time.monotonic() < deadline, shop.resource()
                cuts += bool(arena.proxy.cut_watches())
                time.sleep(0.2)
            before = shop.becomes(expected, "is as without cuts")
            # What is made needs no watch, as the answers to the writes tell enough; what is lost does.
            key = subjects(before)["ConfigMap"]
            remove(arena, key)
            repaired(arena, shop, before, key, deleted=True)


def deletions_in_the_gap(arena: Arena, row: Row) -> None:
    """Children of every kind are deleted while no watch is open, and the history is gone when they open again."""
    shop = arena.shop()
    shop.apply()
    before = shop.settle(quiet=1.0)
    keys = [key for key in subjects(before).values() if key[0] != "Namespace"]
    forgetful = ForgetHistory(lambda kind: kind != "Storefront")
    with arena.proxy.fault(forgetful):
        with arena.proxy.fault(HoldWatches()):
            arena.proxy.cut_watches()
            for key in keys:
                remove(arena, key)
                eventually(partial(_is_gone, arena, key), f"{key} is gone", shop.patience)
        for key in keys:
            with row.case(f"{key[0]} deleted before a 410"):
                repaired(arena, shop, before, key, deleted=True)
    assert forgetful.told, "no watch was answered 410"


def _is_gone(arena: Arena, key: Key) -> bool:
    return arena.api.get(*key) is None


def expiry_inside_a_watch(arena: Arena, row: Row) -> None:
    """The 410 comes as an event of an open watch, with changes that the watch has not delivered."""
    shop = arena.shop()
    shop.apply()
    before = shop.settle(quiet=1.0)
    keys = list(subjects(before).values())
    for key in keys:
        with row.case(f"{key[0]} changed before a 410 event"), arena.proxy.fault(_Deaf(shop.name)):
            mutate(arena, key)
            arena.proxy.expire_watches(lambda call: call.kind != "Storefront")
            repaired(arena, shop, before, key, deleted=False, only=state.children)


def expired_storefronts(arena: Arena, row: Row) -> None:
    """The watch of Storefronts expires with a change in the gap: as an event of the watch, and as its answer."""
    shop = arena.shop()
    shop.apply(OLD)
    shop.settle(with_jobs=True, quiet=1.0)
    with row.case("410 event"), arena.proxy.fault(_DeafForStorefronts()):
        shop.apply(NEW)
        arena.proxy.expire_watches(lambda call: call.kind == "Storefront")
        _follows(arena, shop, "v2")
    with row.case("410 as the answer"):
        forgetful = ForgetHistory(lambda kind: kind == "Storefront")
        with arena.proxy.fault(forgetful):
            with arena.proxy.fault(HoldWatches({"Storefront"})):
                arena.proxy.cut_watches(lambda call: call.kind == "Storefront")
                shop.apply(OLD)
            eventually(lambda: forgetful.told, "410 is answered", shop.patience, arena.operator.log)
            _follows(arena, shop, "v1")
    assert arena.operator.alive, f"the operator has ended\n{arena.operator.log()}"


def _follows(arena: Arena, shop: Shop, tag: str) -> None:
    def image() -> bool:
        live = arena.api.get("Deployment", f"{shop.name}-edge", "ingress") or {}
        image: str = live["spec"]["template"]["spec"]["containers"][0]["image"]
        return image.endswith(f":{tag}")

    eventually(image, f"{tag} is rolled out", shop.patience, arena.operator.log)


def vanished_storefront(arena: Arena, row: Row) -> None:
    """A Storefront vanishes, finalizer and all, while nobody watches: nothing may be made for it any more."""
    shop = arena.shop()
    shop.apply()
    before = shop.settle(quiet=1.0)
    forgetful = ForgetHistory(lambda kind: kind == "Storefront")
    with arena.proxy.fault(forgetful):
        with arena.proxy.fault(HoldWatches({"Storefront"})):
            arena.proxy.cut_watches(lambda call: call.kind == "Storefront")
            shop.delete()
            arena.api.patch("Storefront", "", shop.name, {"metadata": {"finalizers": None}})
            eventually(lambda: shop.resource() is None, "the Storefront is gone", shop.patience)
        eventually(lambda: forgetful.told, "410 is answered", shop.patience, arena.operator.log)
    with row.case("a Storefront that is gone, unseen"):
        mark = arena.proxy.mark()
        keys = [key for key in subjects(before).values() if key[0] != "Namespace"]
        for key in keys:
            remove(arena, key)
        time.sleep(VANISHED_SECONDS)
        made = [str(e.call) for e in arena.proxy.writes(shop.name, mark) if e.call.kind != "Event"]
        assert not made, f"made for nobody: {made}"


class _DeafForStorefronts(DropEvent):
    """Drops changes of Storefronts: only lists tell."""

    def __init__(self) -> None:
        super().__init__({})

    async def event(self, call: Call, event: Event) -> list[Event]:
        return [] if call.kind == "Storefront" and event["type"] == "MODIFIED" else [event]


class _Deaf(DropEvent):
    """Drops each child event of a Storefront: only lists tell."""

    def __init__(self, storefront: str) -> None:
        super().__init__({storefront: 0})

    async def event(self, call: Call, event: Event) -> list[Event]:
        return [] if storefront_of(event) in self.targets else [event]


def api_server_away(arena: Arena, row: Row, seconds: float = AWAY_SECONDS) -> None:
    """Nothing answers for a while; a child and the spec change meanwhile. The operator stays and catches up."""
    shop = arena.shop()
    shop.apply(OLD)
    before = shop.settle(with_jobs=True, quiet=1.0)
    pid = arena.operator.pid
    key = subjects(before)["Service"]
    with row.case(f"away for {seconds:.0f} s"):
        with away(arena):
            remove(arena, key)
            shop.apply(NEW)
            returns = time.monotonic() + seconds
            while time.monotonic() < returns:
                assert arena.operator.alive, f"the operator has ended\n{arena.operator.log()}"
                time.sleep(0.5)
        back = time.monotonic()
        shop.settle(with_jobs=True)
        eventually(lambda: arena.api.get(*key), f"{key} is there again", shop.patience)
        row.note = f"caught up {time.monotonic() - back:.1f} s after its return"
        assert arena.operator.alive
        assert arena.operator.pid == pid
        kept = state.credentials(before)
        assert state.credentials(shop.capture()) == kept, "credentials changed"


@contextlib.contextmanager
def away(arena: Arena):  # type: ignore[no-untyped-def]
    """The API server cannot be reached by the operator."""
    with arena.proxy.fault(Away()):
        arena.proxy.cut_watches()
        yield


SCENES = [
    Scene("b. API server away", "absences", api_server_away),
    Scene("b. child event delayed", "events", partial(event_faults, make=partial(DelayEvent, seconds=DELAY))),
    Scene("b. child event dropped", "events", partial(event_faults, make=DropEvent)),
    Scene("b. child event duplicated", "events", partial(event_faults, make=DuplicateEvent)),
    Scene("b. 410 for Storefronts", "changes", expired_storefronts),
    Scene("b. Storefront gone, unseen", "Storefronts", vanished_storefront),
    Scene("b. 410 event with changes in the gap", "changes", expiry_inside_a_watch),
    Scene("b. 410 with deletions in the gap", "deletions", deletions_in_the_gap),
    Scene("b. watches closed", "installs", watches_that_keep_closing),
]


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_what_a_watch_does_not_tell_is_learnt_in_the_end(scene: Scene, played: Played) -> None:
    played(scene)
