"""g. Every kind of child changed and deleted by hand, while the operator runs and while it is down.

What was changed is as before, and after a restart nothing else is written.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from storefront_operator.api import LAYERS
from storefront_operator.client.resources import CHILD_RESOURCES

from tests.chaos import state
from tests.chaos.api import Json
from tests.chaos.arena import Arena
from tests.chaos.scenes import Played, Scene
from tests.chaos.shop import PAUSE, Shop
from tests.chaos.state import Key, State
from tests.chaos.tally import Row

pytestmark = pytest.mark.chaos

_LABELS: Json = {"metadata": {"labels": {"app.kubernetes.io/component": "somebody-elses"}}}

MUTATIONS: dict[str, Json] = {
    "Namespace": {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}},
    "ServiceAccount": {"automountServiceAccountToken": True},
    "Role": {"rules": []},
    "RoleBinding": {"subjects": []},
    "Secret": {"data": "d3Jvbmc="},
    "ConfigMap": {"data": "wrong"},
    "Service": {"spec": {"selector": {"app.kubernetes.io/name": "somebody-elses"}}},
    "NetworkPolicy": {"spec": {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "somebody-elses"}}}},
    "PodDisruptionBudget": {"spec": {"maxUnavailable": 5}},
    "StatefulSet": {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 5}}}},
    "Job": _LABELS,
    "Deployment": {"spec": {"replicas": 7}},
    "HorizontalPodAutoscaler": {"spec": {"maxReplicas": 50}},
}
"""One change by hand per kind, of fields that the operator owns; `data` stands for all of its values."""


def subjects(children: State) -> dict[str, Key]:
    """One child of each kind that the operator keeps as it is; generated Secrets are written once only."""
    chosen: dict[str, Key] = {}
    for key, item in children.items():
        labels = item["metadata"].get("labels", {})
        is_ours = any(e["manager"] == "storefront-operator" for e in item["metadata"]["managedFields"])
        if is_ours and "storefront.dev/generated" not in labels and key[0] != "Storefront":
            chosen.setdefault(key[0], key)
    return chosen


def mutate(arena: Arena, key: Key) -> None:
    """Change a child as somebody with kubectl would."""
    patch = MUTATIONS[key[0]]
    if "data" in patch:
        live = arena.api.get(*key)
        assert live is not None
        patch = {"data": dict.fromkeys(live["data"], patch["data"])}
    arena.api.patch(*key, patch)


def remove(arena: Arena, key: Key) -> None:
    """Delete a child as somebody with kubectl would."""
    arena.api.delete(*key)


def repaired(
    arena: Arena,
    shop: Shop,
    before: State,
    key: Key,
    *,
    deleted: bool,
    only: Callable[[State], State] = lambda found: found,
) -> None:
    """Wait until a child, and all the others, are as before; `only` compares a part of the state."""
    expected = only(state.within_a_life(before))
    uid = before[key]["metadata"]["uid"]

    def gap() -> list[str]:
        now = arena.api.get(*key)
        if now is None or (deleted and now["metadata"]["uid"] == uid):
            return [f"{key} has not been made anew"]
        if shop.quiet_for() < PAUSE:
            return [f"{shop.name} is being written"]
        return state.differences(expected, only(state.within_a_life(shop.capture())))

    shop.eventually(lambda: not gap(), f"{key} is as before", lambda: "\n".join(gap()), interval=PAUSE)


def while_it_runs(arena: Arena, row: Row) -> None:
    """Each kind changed, then deleted, one after the other."""
    shop = arena.shop()
    shop.apply()
    before = shop.settle(with_jobs=False, quiet=1.0)
    for kind, key in subjects(before).items():
        with row.case(f"{kind} changed"):
            mutate(arena, key)
            repaired(arena, shop, before, key, deleted=False)
        if kind == "Namespace":
            continue  # takes everything in it along: a test of its own
        with row.case(f"{kind} deleted"):
            remove(arena, key)
            repaired(arena, shop, before, key, deleted=True)


def while_it_is_down(arena: Arena, row: Row, act: Callable[[Arena, Key], Any], *, deleted: bool) -> None:
    """All kinds at once while the operator is down; it then writes those children and no others."""
    shop = arena.shop()
    shop.apply()
    before = shop.settle(quiet=1.0)
    keys = [key for key in subjects(before).values() if not (deleted and key[0] == "Namespace")]
    arena.operator.stop()
    for key in keys:
        act(arena, key)
    mark = arena.proxy.mark()
    arena.start_operator()
    for key in keys:
        with row.case(f"{key[0]} while the operator is down"):
            repaired(arena, shop, before, key, deleted=deleted)
    arena.wait_silent()
    with row.case("nothing else is written"):
        written = {e.call.key for e in arena.proxy.writes(shop.name, mark)}
        beside = {key for key in written - set(keys) if key[0] not in ("Storefront", "Event")}
        assert not beside, f"written without need: {sorted(beside)}"


def untouched_restart(arena: Arena, row: Row) -> None:
    """A restart where nothing has changed writes nothing."""
    shops = [arena.shop() for _ in range(3)]
    for shop in shops:
        shop.apply()
    for shop in shops:
        shop.settle(with_jobs=True, quiet=1.0)
    mark = arena.proxy.mark()
    arena.restart_operator()
    arena.wait_silent()
    with row.case("restart without a change"):
        written = [str(e.call) for e in arena.proxy.since(mark) if e.call.is_write]
        assert not written, f"written without need: {written}"


def lost_namespaces(arena: Arena, row: Row) -> None:
    """Each namespace of a Storefront deleted by hand: it comes back with everything in it."""
    shops = {layer: arena.shop() for layer in LAYERS}
    for shop in shops.values():
        shop.apply()
    before = {layer: shop.settle(quiet=1.0) for layer, shop in shops.items()}
    keys = {layer: ("Namespace", "", f"{shop.name}-{layer}") for layer, shop in shops.items()}
    for key in keys.values():
        remove(arena, key)
    for layer, shop in shops.items():
        with row.case(f"namespace {layer} deleted"):
            _made_anew(arena, shop, keys[layer], state.identities(before[layer])[keys[layer]])
            expected = state.between_lives(before[layer], shop.name)
            shop.becomes(expected, "everything is there again")


def _made_anew(arena: Arena, shop: Shop, key: Key, uid: str) -> None:
    def made() -> bool:
        shop.hurry_namespaces()
        now = arena.api.get(*key)
        return now is not None and now["metadata"]["uid"] != uid

    shop.eventually(made, f"{key} is made anew", interval=2 * PAUSE)


def test_every_kind_is_covered() -> None:
    assert {resource.kind for resource in CHILD_RESOURCES} == set(MUTATIONS), "add a change of the new kind"


SCENES = [
    Scene("g. namespaces deleted", "namespaces", lost_namespaces),
    Scene("g. children changed and deleted", "changes", while_it_runs),
    Scene(
        "g. changed while the operator is down",
        "changes",
        partial(while_it_is_down, act=mutate, deleted=False),
    ),
    Scene(
        "g. deleted while the operator is down",
        "changes",
        partial(while_it_is_down, act=remove, deleted=True),
    ),
    Scene("g. restart without a change", "restarts", untouched_restart),
]


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_what_somebody_changes_or_deletes_is_put_right(scene: Scene, played: Played) -> None:
    played(scene)
