"""d. Any sequence of valid specs ends where a fresh install of the last one ends (Acto's rule)."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterable
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from storefront_operator.api.spec import StorefrontSpec

from tests.chaos import sampling, state
from tests.chaos.api import Json
from tests.chaos.arena import Arena, side_by_side
from tests.chaos.scenes import Played, Scene
from tests.chaos.shop import Shop
from tests.chaos.state import State
from tests.chaos.tally import Row
from tests.chaos.valid_specs import LEFT_ALONE, specs

pytestmark = pytest.mark.chaos

SEQUENCES = sampling.size(200, 15)
_RINGS_AT_ONCE = 3

Chain = tuple[list[Json], bool]
"""Specs that follow each other, and whether each is waited for."""


def drawn(count: int) -> list[list[Chain]]:
    """At least so many random A → B → C, in rings; the same all day long.

    Each ends with a spec that a patient one of its ring begins with, which shows what a fresh install of it leads to.
    """
    rings: list[list[Chain]] = []

    @seed(sampling.OFFSET)
    @settings(
        max_examples=math.ceil(count / 4),
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(specs(), min_size=8, max_size=8))
    def draw(drawn: list[Json]) -> None:
        one, other, *rest = drawn
        rings.append(
            [
                ([one, rest[0], other], True),
                ([other, rest[1], one], True),
                ([rest[2], rest[3], one], False),
                ([rest[4], rest[5], other], False),
            ]
        )

    draw()
    return rings


def sequences(arena: Arena, row: Row, rings: Iterable[list[Chain]]) -> None:
    """Each chain of specs against a fresh install of its last."""

    def play(ring: list[Chain]) -> None:
        try:
            _ring(arena, row, ring)
        except AssertionError as error:
            raise AssertionError(f"{error}\nin the ring {ring}") from error

    side_by_side((partial(play, ring) for ring in rings), _RINGS_AT_ONCE)


def _ring(arena: Arena, row: Row, chains: list[Chain]) -> None:
    patient = {arena.shop(): chain for chain, waits in chains if waits}
    hurried = {arena.shop(): chain for chain, waits in chains if not waits}
    for shop, (first, *_) in patient.items():
        shop.apply(first)
    for shop, chain in hurried.items():
        for spec in chain:
            shop.apply(spec)
    before = {shop: shop.settle(with_jobs=True) for shop in patient}
    fresh = {
        _text(first): without_lasting(state.between_lives(before[shop], shop.name))
        for shop, (first, *_) in patient.items()
    }
    for step in zip(*(chain[1:] for chain in patient.values()), strict=True):
        for shop, spec in zip(patient, step, strict=True):
            shop.apply(spec)
        for shop in patient:
            shop.settle(with_jobs=True)
    before |= {shop: shop.capture() for shop in hurried}
    for shop, chain in {**patient, **hurried}.items():
        with row.case(f"{'with' if shop in patient else 'without'} waiting: {chain}"):
            _ends_like_a_fresh_one(shop, before[shop], fresh[_text(chain[-1])])
    arena.retire(*patient, *hurried)


def _ends_like_a_fresh_one(shop: Shop, before: State, expected: State) -> None:
    after = shop.becomes(expected, "is like a fresh one", with_jobs=True, only=without_lasting)
    lasting = {key: item for key, item in before.items() if key[2] != "ingress-tls"}
    old, new = state.credentials(lasting), state.credentials(after)
    assert all(new.get(key) == data for key, data in old.items()), "credentials changed"


def _text(spec: Json) -> str:
    return json.dumps(spec, sort_keys=True)


def without_lasting(found: State) -> State:
    """Without what holds data, opens it or speaks of it: it lasts, wanted or not.

    That is volume claims, generated Secrets, and the record of Jobs done in a store that is elsewhere now.
    """
    return {
        key: _without_jobs_of_others(item) if key[0] == "Storefront" else item
        for key, item in found.items()
        if key[0] != "PersistentVolumeClaim"
        and "storefront.dev/generated" not in item["metadata"].get("labels", {})
    }


def _without_jobs_of_others(storefront: Json) -> Json:
    result = copy.deepcopy(storefront)
    components = result["status"].get("components", {})
    managed = [entry["fieldsV1"].get("f:status", {}) for entry in result["metadata"]["managedFields"]]
    records = [result["status"].get("completedJobs", {})]
    records += [fields.get("f:completedJobs", {}) for fields in managed]
    for record in records:
        for job in list(record):
            if job.removeprefix("f:").partition("-")[0] not in components:
                record.pop(job)
    return result


def test_what_is_left_alone_exists() -> None:
    """The list of fields that are not varied names fields of the API."""
    for path in LEFT_ALONE:
        model: type[BaseModel] = StorefrontSpec
        *blocks, last = path.split(".")
        for block in blocks:
            model = _block(model, block)
        assert last in {field.alias for field in model.model_fields.values()}, path


def _block(model: type[BaseModel], alias: str) -> type[BaseModel]:
    (field,) = [field for field in model.model_fields.values() if field.alias == alias]
    (inner,) = [part for part in field.annotation.__args__ if part is not type(None)]  # type: ignore[union-attr]
    return inner  # type: ignore[no-any-return]


def random_sequences(arena: Arena, row: Row) -> None:
    """As many as this mode asks for."""
    sequences(arena, row, drawn(SEQUENCES))
    assert row.cases >= SEQUENCES, "too few were drawn"


SCENES = [Scene("d. specs A → B → C", "sequences", random_sequences)]


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_a_sequence_of_specs_ends_where_a_fresh_install_ends(scene: Scene, played: Played) -> None:
    played(scene)
