"""c. Lists that show the past: nothing is deleted wrongly, and the end is right.

An API server answers lists from its newest state, but a restored backup, a broken cache or a proxy may not. A
list from the past may make the operator write something again; it must never make it delete what is there now.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from tests.chaos import state
from tests.chaos.api import Json
from tests.chaos.arena import Arena
from tests.chaos.faults import HoldWatches, RecordLists, StaleLists
from tests.chaos.proxy import GROUP_LABEL
from tests.chaos.scenes import Played, Scene
from tests.chaos.shop import SPEC, Shop
from tests.chaos.state import State
from tests.chaos.tally import Row
from tests.chaos.traffic import Answer
from tests.chaos.waiting import eventually

pytestmark = pytest.mark.chaos

WITH_SAMPLES = {**SPEC, "services": {**SPEC["services"], "product": {"sampleCatalogue": True}}}


def recorded_lists(arena: Arena) -> dict[str, Answer]:
    """What the operator is told at a start: every kind's list as of now. It is down afterwards."""
    arena.operator.stop()
    recorder = RecordLists()
    with arena.proxy.fault(recorder):
        arena.start_operator()
        eventually(lambda: "Storefront" in recorder.recorded, "Storefronts are listed", arena.patience)
    arena.operator.stop()
    return recorder.recorded


def restart_in_the_past(arena: Arena, past: dict[str, Answer]) -> None:
    """Start the operator with lists from the past, and let it act on them before any watch tells it more."""
    stale = StaleLists(past)
    with arena.proxy.fault(stale):
        with arena.proxy.fault(HoldWatches(set(past))):
            arena.start_operator()
            eventually(
                lambda: set(stale.served) == set(past),
                f"{set(past) - set(stale.served)} listed",
                arena.patience,
            )
            eventually(arena.operator.passes, "a pass over the past", arena.patience, arena.operator.log)
        arena.wait_silent()


def children_only(past: dict[str, Answer]) -> dict[str, Answer]:
    """The children's lists; the Storefronts' own is fresh."""
    return {kind: answer for kind, answer in past.items() if kind != "Storefront"}


def deletions_since(arena: Arena, mark: int) -> list[str]:
    """Deletions that were carried out."""
    return [str(e.call) for e in arena.proxy.since(mark) if e.call.verb == "delete" and 0 < e.status < 400]


def a_list_from_before_the_install(arena: Arena, row: Row) -> None:
    """The operator believes that nothing exists; credentials must survive it."""
    past = children_only(recorded_lists(arena))
    arena.start_operator()
    shop = arena.shop()
    shop.apply()
    before = shop.settle(quiet=1.0)
    arena.operator.stop()
    mark = arena.proxy.mark()
    with row.case("lists from before the install"):
        restart_in_the_past(arena, past)
        unchanged(arena, shop, before, mark)


def a_list_from_before_an_upgrade(arena: Arena, row: Row, *, also_storefronts: bool) -> None:
    """The operator sees the children (and the Storefront) of an older spec."""
    shop = arena.shop()
    shop.apply(WITH_SAMPLES)
    shop.settle(with_jobs=True, quiet=1.0)
    past = recorded_lists(arena)
    arena.start_operator()
    shop.apply({**SPEC, "images": {"tag": "v2"}})
    shop.settle(with_jobs=True)
    shop.wait_rolled()
    before = shop.settle(quiet=1.0)
    arena.operator.stop()
    mark = arena.proxy.mark()
    with row.case(f"lists from before an upgrade{', of Storefronts too' if also_storefronts else ''}"):
        restart_in_the_past(arena, past if also_storefronts else children_only(past))
        unchanged(arena, shop, before, mark, spec_too=also_storefronts)


def somebody_elses_object_of_the_same_name(arena: Arena, row: Row) -> None:
    """A child that was pruned long ago is in the list; the name now belongs to somebody else."""
    shop = arena.shop()
    shop.apply()
    shop.settle(quiet=1.0)
    job = next(key for key in shop.capture() if key[0] == "Job" and key[2].startswith("product-"))
    past = children_only(recorded_lists(arena))
    arena.start_operator()
    shop.apply({**SPEC, "images": {"tag": "v2"}})
    eventually(lambda: arena.api.get(*job) is None, "the old Job is pruned", shop.patience)
    shop.settle()
    arena.operator.stop()
    foreign = arena.api.create(_foreign_job(job))
    with row.case("a name that belongs to somebody else now"):
        restart_in_the_past(arena, past)
        shop.settle(quiet=1.0)
        now = arena.api.get(*job)
        assert now is not None, f"{job} of somebody else was deleted"
        assert now["metadata"]["uid"] == foreign["metadata"]["uid"]
        assert "deletionTimestamp" not in now["metadata"], f"{job} of somebody else is being deleted"


def an_earlier_life(arena: Arena, row: Row) -> None:
    """A Storefront of the same name was deleted with its data; the list shows that life, the next one runs."""
    spec: Json = {**SPEC, "deletionPolicy": "Delete"}
    shop = arena.shop()
    shop.apply(spec)
    shop.settle(quiet=1.0)
    past = recorded_lists(arena)
    arena.start_operator()
    shop.delete()
    shop.wait_gone()
    shop.apply(spec)
    before = shop.settle(quiet=1.0)
    arena.operator.stop()
    mark = arena.proxy.mark()
    with row.case("lists of an earlier life"):
        restart_in_the_past(arena, children_only(past))
        unchanged(arena, shop, before, mark)


def a_deletion_seen_too_early(arena: Arena, row: Row) -> None:
    """The list of Storefronts shows the deletion of an earlier life; the next life must not be torn down."""
    spec: Json = {**SPEC, "deletionPolicy": "Delete"}
    shop = arena.shop()
    shop.apply(spec)
    shop.settle(quiet=1.0)
    arena.operator.stop()
    shop.delete()
    past = recorded_storefronts(arena)
    arena.start_operator()
    shop.wait_gone()
    shop.apply(spec)
    before = shop.settle(quiet=1.0)
    arena.operator.stop()
    mark = arena.proxy.mark()
    with row.case("a Storefront list with the deletion of an earlier life"):
        restart_in_the_past(arena, past)
        unchanged(arena, shop, before, mark)


def recorded_storefronts(arena: Arena) -> dict[str, Answer]:
    """The list of Storefronts as of now, without letting the operator act."""
    listed = arena.api.request(
        "GET", "/apis/storefront.dev/v1alpha1/storefronts", labelSelector=f"{GROUP_LABEL}={arena.group}"
    )
    return {"Storefront": Answer(200, json.dumps(listed).encode(), {"Content-Type": "application/json"})}


def unchanged(arena: Arena, shop: Shop, before: State, mark: int, *, spec_too: bool = False) -> None:
    """The end is as before; nothing that was there has been deleted on the way.

    With `spec_too` an older Storefront was installed on the way: its Jobs run, and members of the stores are replaced
    by ones of its version.
    """
    after = shop.becomes(state.between_lives(before, shop.name), "is as before", with_jobs=spec_too)
    old, new = state.identities(before), state.identities(after)
    replaced = [key for key in old if key[0] != "Job" and new.get(key) != old[key]]
    assert not replaced, f"deleted and made anew: {replaced}"
    assert state.credentials(after) == state.credentials(before), "credentials changed"
    known = {key[0] for key in before}
    allowed = ("delete Job ", "delete Pod ") if spec_too else ("delete Job ",)
    wrong = [text for text in deletions_since(arena, mark) if not text.startswith(allowed)]
    assert not wrong, f"deleted ({known}): {wrong}"


def _foreign_job(key: tuple[str, str, str]) -> Json:
    container: dict[str, Any] = {
        "name": "work",
        "image": "somebody/else:1",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": key[2], "namespace": key[1]},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }


SCENES = [
    Scene("c. lists of an earlier life", "lists", an_earlier_life),
    Scene("c. Storefronts with the deletion of an earlier life", "lists", a_deletion_seen_too_early),
    Scene("c. lists from before the install", "lists", a_list_from_before_the_install),
    Scene(
        "c. lists from before an upgrade",
        "lists",
        partial(a_list_from_before_an_upgrade, also_storefronts=False),
    ),
    Scene(
        "c. lists from before an upgrade, Storefronts too",
        "lists",
        partial(a_list_from_before_an_upgrade, also_storefronts=True),
    ),
    Scene("c. a listed name is somebody else's now", "lists", somebody_elses_object_of_the_same_name),
]


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_stale_lists_delete_nothing(scene: Scene, played: Played) -> None:
    played(scene)
