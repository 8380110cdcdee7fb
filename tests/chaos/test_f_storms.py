"""f. Storms of 409, 429, 500 and 503, and slow answers: it converges afterwards, and does not make things worse."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.chaos import sampling
from tests.chaos.arena import Arena
from tests.chaos.faults import Fault, Slow, Storm
from tests.chaos.scenes import Played, Scene
from tests.chaos.shop import SPEC, Shop
from tests.chaos.tally import Row
from tests.chaos.traffic import Call
from tests.chaos.waiting import eventually

pytestmark = pytest.mark.chaos

OLD = {**SPEC, "images": {"tag": "v1"}}
NEW = {**SPEC, "images": {"tag": "v2"}}
STORM_SECONDS = sampling.size(20, 4)
RETRY_AFTER = 4
"""Seconds that a 429 asks the operator to wait."""
FAILING_SECONDS = sampling.size(30, 10)
ATTEMPTS = {10: 10, 30: 14}
"""How often an object that keeps failing may be tried in so many seconds: an exponential backoff from half a
second does it 6 times in 10 s and 7 times in 30 s; changes of other children may add a few passes."""


def any_request(call: Call) -> bool:
    """Every call but watches, which have scenarios of their own."""
    return call.kind != "Lease"


STORMS: dict[str, Fault] = {
    "409 on writes": Storm(409, "Conflict"),
    "429 with Retry-After": Storm(429, "TooManyRequests", retry_after=1, which=any_request),
    "500 on anything": Storm(500, "InternalError", which=any_request),
    "503 on anything": Storm(503, "ServiceUnavailable", which=any_request),
    "slow answers": Slow(1.5),
}


def storm(arena: Arena, row: Row, title: str) -> None:
    """An install and an upgrade begin in a storm that lasts a while; a start of the operator too."""
    middle, end = arena.stage.undisturbed(OLD, NEW)
    shop = arena.shop()
    with row.case(f"install in {title}"):
        _blow(arena, title, lambda: shop.apply(OLD))
        shop.becomes(middle, "is as without the storm", with_jobs=True)
    with row.case(f"upgrade in {title}"):
        _blow(arena, title, lambda: shop.apply(NEW))
        shop.becomes(end, "is as without the storm", with_jobs=True)
    with row.case(f"start in {title}"):
        arena.operator.stop()
        _blow(arena, title, lambda: arena.start_operator(wait=False))
        arena.operator.wait_ready()
        shop.apply(OLD)
        shop.becomes(middle, "works after a start in the storm", with_jobs=True)


def _blow(arena: Arena, title: str, act: Callable[[], Any]) -> None:
    with arena.proxy.fault(STORMS[title]):
        act()
        calm = time.monotonic() + STORM_SECONDS
        while time.monotonic() < calm:
            assert arena.operator.alive, f"the operator has ended\n{arena.operator.log()}"
            time.sleep(0.1)


def retry_after_is_obeyed(arena: Arena, row: Row) -> None:
    """Of each kind one object's write is answered 429 twice: the next attempts keep the distance asked for."""
    shops = {kind: arena.shop() for kind in ("ConfigMap", "Deployment", "Secret")}
    with contextlib.ExitStack() as storms:
        refusing = {
            kind: storms.enter_context(arena.proxy.fault(_Twice(kind, shop.name)))
            for kind, shop in shops.items()
        }
        for shop in shops.values():
            shop.apply()
        for kind, shop in shops.items():
            with row.case(f"429 on a {kind}"):
                _keeps_the_distance(arena, shop, refusing[kind])


def _keeps_the_distance(arena: Arena, shop: Shop, refusing: _Twice) -> None:
    def gaps() -> list[float]:
        keys = {call.key for call in refusing.refused}
        times = [e.at for e in arena.proxy.exchanges if e.call.is_write and e.call.key in keys]
        return [later - earlier for earlier, later in itertools.pairwise(times)]

    eventually(lambda: len(gaps()) >= 2, "it is tried three times", shop.patience, arena.operator.log)
    shop.settle()
    assert min(gaps()[:2]) >= RETRY_AFTER - 0.1, f"gaps of {gaps()[:2]} s, asked for {RETRY_AFTER}"


class _Twice(Storm):
    """Refuses the first object of a kind that it meets twice and nothing else."""

    def __init__(self, kind: str, storefront: str) -> None:
        super().__init__(429, "TooManyRequests", share=1.0, retry_after=RETRY_AFTER, which=self._is_chosen)
        self.kind, self.storefront = kind, storefront

    def _is_chosen(self, call: Call) -> bool:
        if len(self.refused) >= 2 or (self.refused and self.refused[0].key != call.key):
            return False
        return call.is_write and call.kind == self.kind and call.concerns(self.storefront)


def one_refused_finalizer(arena: Arena, row: Row) -> None:
    """The one write that puts on or takes off the finalizer is refused once; nothing else ever touches the shop."""

    def about_the_finalizer(shop: Shop, call: Call) -> bool:
        return call.verb == "patch" and call.key == ("Storefront", "", shop.name) and not call.subresource

    shops = {status: arena.shop() for status in (409, 429, 500)}
    for act, done in ((Shop.apply, Shop.has_children), (Shop.delete, Shop.is_gone)):
        with contextlib.ExitStack() as storms:
            for status, shop in shops.items():
                storms.enter_context(arena.proxy.fault(_Once(status, partial(about_the_finalizer, shop))))
            for shop in shops.values():
                act(shop)
            for status, shop in shops.items():
                with row.case(f"{status} on the finalizer at {act.__name__}"):
                    eventually(
                        partial(done, shop), f"{act.__name__} is carried out", shop.patience, shop.resource
                    )
        for shop in shops.values():
            if act is Shop.apply and shop.has_children():
                shop.settle()


class _Once(Storm):
    """Refuses one call."""

    def __init__(self, status: int, which: Callable[[Call], bool]) -> None:
        super().__init__(status, "Refused", share=1.0, which=lambda call: not self.refused and which(call))


def backoff_and_neighbours(arena: Arena, row: Row) -> None:
    """One object keeps failing: it is tried less and less often, and another Storefront is served meanwhile."""
    failing, neighbour = arena.shop(), arena.shop()

    def chosen(call: Call) -> bool:
        return call.is_write and call.kind == "Deployment" and call.concerns(failing.name)

    broken = Storm(500, "InternalError", share=1.0, which=chosen)
    with arena.proxy.fault(broken):
        failing.apply()
        eventually(lambda: broken.refused, "it fails", failing.patience)
        started = time.monotonic()
        key = broken.refused[0].key
        with row.case("a neighbour is installed meanwhile"):
            neighbour.apply()
            neighbour.settle(with_jobs=True)
        while time.monotonic() - started < FAILING_SECONDS:
            time.sleep(0.1)
        attempts = sum(call.key == key for call in broken.refused)
        row.note = f"{attempts} attempts in {FAILING_SECONDS} s"
        with row.case("backoff"):
            assert attempts <= ATTEMPTS[FAILING_SECONDS], f"{attempts} attempts in {FAILING_SECONDS} s"
            assert attempts >= 3, f"only {attempts} attempts in {FAILING_SECONDS} s"
        with row.case("the failure is told"):
            eventually(
                lambda: any("said by the fault suite" in c["message"] for c in failing.conditions()),
                "a condition says what fails",
                failing.patience,
                failing.conditions,
            )
    with row.case("recovery"):
        failing.settle(with_jobs=True)


SCENES = [
    *(Scene(f"f. storm: {title}", "phases", partial(storm, title=title)) for title in STORMS),
    Scene("f. one refused finalizer", "writes", one_refused_finalizer),
    Scene("f. backoff and neighbours", "claims", backoff_and_neighbours),
    Scene("f. Retry-After", "kinds", retry_after_is_obeyed),
]


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_it_converges_and_does_not_make_things_worse(scene: Scene, played: Played) -> None:
    played(scene)
