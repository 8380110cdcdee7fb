"""d. Any sequence of valid specs ends where a fresh install of the last one ends (Acto's rule)."""

from __future__ import annotations

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
from tests.chaos.state import State
from tests.chaos.tally import Row
from tests.chaos.valid_specs import LEFT_ALONE, specs

pytestmark = pytest.mark.chaos

SEQUENCES = sampling.size(200, 15)

Chain = tuple[list[Json], bool]
"""Specs that follow each other, and whether each is waited for."""


def drawn(count: int) -> list[Chain]:
    """Random A → B → C, of which about every other time B and C come without waiting; the same all day long."""
    chains: list[Chain] = []

    @seed(sampling.OFFSET)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(specs(), min_size=3, max_size=3), st.booleans())
    def draw(chain: list[Json], patient: bool) -> None:
        chains.append((chain, patient))

    draw()
    return chains


def sequences(arena: Arena, row: Row, chains: Iterable[Chain]) -> None:
    """Each chain of specs against a fresh install of its last."""
    side_by_side(partial(_ends_like_a_fresh_one, arena, row, *chain) for chain in chains)


def _ends_like_a_fresh_one(arena: Arena, row: Row, chain: list[Json], patient: bool) -> None:
    shop, fresh = arena.shop(), arena.shop()
    with row.case(f"{'with' if patient else 'without'} waiting: {chain}"):
        fresh.apply(chain[-1])
        for spec in chain:
            shop.apply(spec)
            if patient:
                shop.settle(with_jobs=True)
        fresh.settle(with_jobs=True)
        expected = without_lasting(fresh.comparable())
        before = shop.capture()
        after = shop.becomes(expected, "is like a fresh one", with_jobs=True, only=without_lasting)
        lasting = {key: item for key, item in before.items() if key[2] != "ingress-tls"}
        old, new = state.credentials(lasting), state.credentials(after)
        assert all(new.get(key) == data for key, data in old.items()), "credentials changed"


def without_lasting(found: State) -> State:
    """Volume claims and generated Secrets are never pruned, wanted or not: they hold data, or open it."""
    return {
        key: item
        for key, item in found.items()
        if key[0] != "PersistentVolumeClaim"
        and "storefront.dev/generated" not in item["metadata"].get("labels", {})
    }


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
