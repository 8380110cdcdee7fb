"""f. Storms of 409, 429, 500 and 503, and slow answers: it converges afterwards, and does not make things worse."""

from __future__ import annotations

import time

import pytest

from tests.chaos import sampling
from tests.chaos.arena import Arena, Stage
from tests.chaos.faults import Fault, Slow, Storm
from tests.chaos.shop import SPEC, Shop
from tests.chaos.tally import Row, Tally
from tests.chaos.traffic import Call
from tests.chaos.waiting import eventually

pytestmark = pytest.mark.chaos

OLD = {**SPEC, "images": {"tag": "v1"}}
NEW = {**SPEC, "images": {"tag": "v2"}}
STORM_SECONDS = sampling.size(20, 5)
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
    reference = arena.shop()
    reference.apply(OLD)
    reference.settle(with_jobs=True, quiet=1.0)
    middle = reference.comparable()
    reference.apply(NEW)
    reference.settle(with_jobs=True, quiet=1.0)
    end = reference.comparable()
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


def _blow(arena: Arena, title: str, act: object) -> None:
    with arena.proxy.fault(STORMS[title]):
        act()  # type: ignore[operator]
        calm = time.monotonic() + STORM_SECONDS
        while time.monotonic() < calm:
            assert arena.operator.alive, f"the operator has ended\n{arena.operator.log()}"
            time.sleep(0.1)


def retry_after_is_obeyed(arena: Arena, row: Row) -> None:
    """One object's write is answered 429 twice: the next attempts keep the distance that was asked for."""
    for kind in ("ConfigMap", "Deployment", "Secret"):
        shop = arena.shop()

        def chosen(call: Call, shop: Shop = shop, kind: str = kind) -> bool:
            return call.is_write and call.kind == kind and call.concerns(shop.name)

        refusing = _Twice(429, "TooManyRequests", share=1.0, retry_after=RETRY_AFTER, which=chosen)
        with row.case(f"429 on a {kind}"), arena.proxy.fault(refusing):
            shop.apply()
            shop.settle()
            assert refusing.refused, "nothing was refused"
            key = refusing.refused[0].key
            times = [e.at for e in arena.proxy.exchanges if e.call.is_write and e.call.key == key]
            gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
            assert len(gaps) >= 2, f"{key} was tried {len(times)} times"
            assert min(gaps[:2]) >= RETRY_AFTER - 0.1, f"{key}: gaps of {gaps[:2]} s, asked for {RETRY_AFTER}"


class _Twice(Storm):
    """Refuses the first object it meets twice and nothing else."""

    async def answer(self, call: Call, forward: object) -> object:  # type: ignore[override]
        if len(self.refused) >= 2 or (self.refused and self.refused[0].key != call.key):
            return await forward(call)  # type: ignore[operator]
        return await super().answer(call, forward)  # type: ignore[arg-type]


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
        with row.case("the failure is told"):
            eventually(
                lambda: "Deployment" in failing.condition("Ready").get("message", ""),
                "Ready says what fails",
                failing.patience,
                lambda: failing.condition("Ready"),
            )
        while time.monotonic() - started < FAILING_SECONDS:
            time.sleep(0.1)
        attempts = sum(call.key == key for call in broken.refused)
        row.note = f"{attempts} attempts in {FAILING_SECONDS} s"
        with row.case("backoff"):
            assert attempts <= ATTEMPTS[FAILING_SECONDS], f"{attempts} attempts in {FAILING_SECONDS} s"
            assert attempts >= 3, f"only {attempts} attempts in {FAILING_SECONDS} s"
    with row.case("recovery"):
        failing.settle(with_jobs=True)


@pytest.mark.parametrize("title", STORMS)
def test_it_converges_after_a_storm(stage: Stage, tally: Tally, title: str) -> None:
    with stage.arena() as arena, tally.row(f"f. storm: {title}", "phases") as row:
        storm(arena, row, title)


def test_retry_after_is_obeyed(stage: Stage, tally: Tally) -> None:
    with stage.arena() as arena, tally.row("f. Retry-After", "kinds") as row:
        retry_after_is_obeyed(arena, row)


def test_a_failing_object_is_backed_off_and_harms_nobody_else(stage: Stage, tally: Tally) -> None:
    with stage.arena() as arena, tally.row("f. backoff and neighbours", "claims") as row:
        backoff_and_neighbours(arena, row)
