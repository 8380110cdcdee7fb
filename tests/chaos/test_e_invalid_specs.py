"""e. Invalid specs: a clear answer that names the field, the last good state stays, and a correction recovers."""

from __future__ import annotations

from functools import partial

import pytest

from tests.chaos import state
from tests.chaos.api import RefusedError
from tests.chaos.arena import Arena, side_by_side
from tests.chaos.invalid_specs import JUDGED_BY_THE_OPERATOR, REFUSED_AT_APPLY, Invalid, from_schema
from tests.chaos.scenes import Played, Scene
from tests.chaos.shop import WHOLE, Shop
from tests.chaos.state import State
from tests.chaos.tally import Row

pytestmark = pytest.mark.chaos

_AT_ONCE = 4
_SHOPS = 4
"""Storefronts that the invalid specs are dealt out to; each recovers from one before it gets the next."""


def refused_at_apply(arena: Arena, row: Row, invalid: list[Invalid]) -> None:
    """Each is refused by the API server, which names the field; nothing changes."""
    shop = arena.shop()
    shop.apply(WHOLE)
    before = shop.settle(quiet=1.0)
    mark = arena.proxy.mark()

    def refused(due: list[Invalid]) -> None:
        for case in due:
            with row.case(case.title):
                refusal = _refusal(shop, case)
                assert refusal.status in (400, 422), refusal
                assert case.names in str(refusal), f"{case.names} is not named: {refusal}"

    side_by_side(partial(refused, invalid[number::_AT_ONCE]) for number in range(_AT_ONCE))
    with row.case("nothing has changed"):
        assert not state.differences(state.within_a_life(before), state.within_a_life(shop.capture()))
        assert not arena.proxy.writes(shop.name, mark)


def _refusal(shop: Shop, case: Invalid) -> RefusedError:
    try:
        shop.apply(case.spec)
    except RefusedError as error:
        return error
    shop.apply(WHOLE)
    raise AssertionError("it was taken")


def judged_by_the_operator(arena: Arena, row: Row, invalid: list[Invalid]) -> None:
    """Each makes the Storefront Stalled with a message that names the field or the object."""

    def judged(due: list[Invalid]) -> None:
        shop = arena.shop()
        shop.apply(WHOLE)
        before = shop.settle(quiet=1.0)
        for case in due:
            with row.case(case.title):
                before = _stalls_and_recovers(shop, case, before)

    side_by_side(partial(judged, invalid[number::_SHOPS]) for number in range(min(_SHOPS, len(invalid))))


def _stalls_and_recovers(shop: Shop, case: Invalid, before: State) -> State:
    shop.apply(case.spec)
    generation = shop.resource()["metadata"]["generation"]  # type: ignore[index]

    def stalled() -> bool:
        condition = shop.condition("Stalled")
        return bool(condition["status"] == "True" and condition["observedGeneration"] == generation)

    shop.eventually(stalled, "Stalled", lambda: shop.condition("Ready"))
    condition = shop.condition("Stalled")
    assert condition["reason"] in ("InvalidSpec", "ApplyFailed"), condition
    assert case.names in condition["message"], f"{case.names} is not named: {condition['message']}"
    if condition["reason"] == "InvalidSpec":
        _is_kept(before, shop.capture())
    else:
        _nothing_lost(before, shop.capture())
    shop.apply(WHOLE)
    expected = state.between_lives(before, shop.name)
    after = shop.becomes(expected, "recovers after the correction")
    assert shop.condition("Stalled")["status"] == "False"
    assert state.credentials(after) == state.credentials(before), "credentials changed"
    return after


def _is_kept(before: State, after: State) -> None:
    """The children of the last good spec are untouched."""
    lines = state.differences(
        state.within_a_life(state.children(before)), state.within_a_life(state.children(after))
    )
    assert not lines, "the last good state is not kept:\n" + "\n".join(lines)


def _nothing_lost(before: State, after: State) -> None:
    """What could be applied may differ, but every object of the last good spec is there, and the same one."""
    old, new = state.identities(before), state.identities(after)
    lost = [key for key in old if new.get(key) != old[key] and key[0] != "Job"]
    assert not lost, f"lost: {lost}"


def test_there_are_enough_cases() -> None:
    assert len(from_schema()) + len(REFUSED_AT_APPLY) + len(JUDGED_BY_THE_OPERATOR) >= 60


SCENES = [
    Scene(
        "e. invalid specs that stall",
        "specs",
        partial(judged_by_the_operator, invalid=JUDGED_BY_THE_OPERATOR),
    ),
    Scene(
        "e. invalid specs refused at apply",
        "specs",
        partial(refused_at_apply, invalid=[*from_schema(), *REFUSED_AT_APPLY]),
    ),
]


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_an_invalid_spec_is_told_of_by_name_and_harms_nothing(scene: Scene, played: Played) -> None:
    played(scene)
