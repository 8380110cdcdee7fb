"""b. The API server itself is killed and started again: a module of its own, as nothing else can play meanwhile."""

from __future__ import annotations

import pytest

from tests.chaos.arena import Arena
from tests.chaos.scenes import Played, Scene
from tests.chaos.tally import Row
from tests.chaos.test_g_drift import remove, repaired, subjects
from tests.chaos.waiting import eventually

pytestmark = pytest.mark.chaos

ALONE = True


def restarted_api_server(arena: Arena, row: Row) -> None:
    """The API server is killed and started in the middle of an install, and again at rest."""
    reference = arena.shop()
    reference.apply()
    reference.settle(quiet=1.0)
    expected = reference.comparable()
    pid = arena.operator.pid
    shop = arena.shop()
    with row.case("restart during an install"):
        shop.apply()
        eventually(lambda: len(arena.proxy.writes(shop.name)) > 5, "the install is under way", shop.patience)
        _restart(arena)
        shop.becomes(expected, "is as without a restart")
        assert arena.operator.alive, arena.operator.log()
        assert arena.operator.pid == pid
    before = shop.settle()
    with row.case("restart at rest, then drift"):
        _restart(arena)
        key = subjects(before)["ConfigMap"]
        remove(arena, key)
        repaired(arena, shop, before, key, deleted=True)
        assert arena.operator.alive, arena.operator.log()


def _restart(arena: Arena) -> None:
    arena.stage.control_plane.stop_apiserver()
    arena.stage.control_plane.start_apiserver()


SCENES = [Scene("b. API server restarted", "restarts", restarted_api_server)]


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_a_restarted_api_server_does_no_harm(scene: Scene, played: Played) -> None:
    played(scene)
