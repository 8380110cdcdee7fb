"""For each part of the suite: with the mechanism it guards switched off, it must fail, and for the right reason.

`pytest -m sabotage tests/chaos`; part of the full suite (CHAOS=full). What the same plays say of an operator that
is whole is the rest of the suite.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import pytest

from tests.chaos import test_a_crashes as a
from tests.chaos import test_b_watches as b
from tests.chaos import test_c_stale_lists as c
from tests.chaos import test_d_spec_sequences as d
from tests.chaos import test_e_invalid_specs as e
from tests.chaos import test_f_storms as f
from tests.chaos import test_g_drift as g
from tests.chaos import test_h_steady_state as h
from tests.chaos.arena import Arena, Stage
from tests.chaos.invalid_specs import JUDGED_BY_THE_OPERATOR
from tests.chaos.scenes import Act, Played
from tests.chaos.shop import SPEC
from tests.chaos.tally import Row, Sabotaged, Tally

pytestmark = [pytest.mark.chaos, pytest.mark.sabotage]

ALONE = True

PATIENCE = 20.0
"""Seconds after which a sabotaged operator is taken to have failed."""


@dataclass(frozen=True)
class Sabotage:
    """A mechanism of the operator switched off, and the complaint that a play must have about it."""

    part: str
    module: str
    play: Callable[[Arena, Row], object]
    complaint: str
    """Regular expression."""

    def __str__(self) -> str:
        return f"{self.part}-{self.module}"

    @property
    def effect(self) -> str:
        """What the operator does then."""
        text = importlib.import_module(f"tests.chaos.sabotage.{self.module}").__doc__ or ""
        return " ".join(text.split())

    def act(self, stage: Stage, tally: Tally) -> None:
        """Play it with an operator that lacks the mechanism."""
        told = self._told(stage)
        found = re.search(f".*({self.complaint}).*", told)
        tally.sabotages.append(
            Sabotaged(self.part, self.effect, found is not None, found[0] if found else told)
        )
        assert found, f"the suite did not notice, or for another reason: {told or 'all is well'}"

    def _told(self, stage: Stage) -> str:
        tried = Row(self.module, "cases", keep_going=False)
        try:
            with stage.arena(sabotage=self.module, patience=PATIENCE) as arena:
                self.play(arena, tried)
        except AssertionError as error:
            tried.failures.append(str(error))
        return "\n".join(tried.failures)


def _in_the_middle(numbers: Iterable[int]) -> list[int]:
    """Between the creation of a migration Job and the pruning of it."""
    return [n for n in numbers if 4 <= n <= 8]


def _late(numbers: Iterable[int]) -> list[int]:
    """After the Secrets, and not so late that a life with fewer writes of the status is over by then."""
    *_, last = numbers
    return [last * 3 // 4]


_WITH_MORE = {**SPEC, "ingress": {"tls": {"mode": "Secret", "secretName": "own"}}, "images": {"tag": "v1"}}
_WITH_LESS = {**SPEC, "images": {"tag": "v2"}}

SCENES: list[Act] = [
    Sabotage("a", "credentials_made_anew", partial(a.installs, choice=_late), "credentials changed"),
    Sabotage("a", "prunes_from_memory", partial(a.upgrades, choice=_in_the_middle), "surplus: Job"),
    Sabotage("b", "relist_merges", b.deletions_in_the_gap, "has not been made anew"),
    Sabotage("b", "watches_end_for_good", b.watches_that_keep_closing, "has not been made anew"),
    Sabotage("b", "gives_up", partial(b.api_server_away, seconds=5), "the operator has ended"),
    Sabotage("c", "credentials_made_anew", c.a_list_from_before_the_install, "credentials changed"),
    Sabotage("c", "deletes_by_name", c.somebody_elses_object_of_the_same_name, "of somebody else"),
    Sabotage(
        "d",
        "never_prunes",
        partial(d.sequences, rings=[[([_WITH_MORE, _WITH_LESS], True), ([_WITH_LESS, _WITH_MORE], True)]]),
        r"Jobs left: \['",
    ),
    Sabotage(
        "e",
        "invalid_means_default",
        partial(e.judged_by_the_operator, invalid=JUDGED_BY_THE_OPERATOR[:1]),
        "is not named|Stalled",
    ),
    Sabotage("f", "no_backoff", f.backoff_and_neighbours, r"\d+ attempts in"),
    Sabotage("f", "retry_after_ignored", f.retry_after_is_obeyed, "gaps of"),
    Sabotage("g", "drift_ignored", g.while_it_runs, "is as before"),
    Sabotage(
        "g",
        "applies_after_a_start",
        partial(g.while_it_is_down, act=g.mutate, deleted=False),
        "written without need",
    ),
    Sabotage("h", "applies_blindly", partial(h.silence, shops=2, seconds=15), "writes|falls silent|settles"),
]


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_the_suite_notices(scene: Act, played: Played) -> None:
    played(scene)


def test_each_part_has_a_guard_that_is_switched_off() -> None:
    assert {str(scene)[0] for scene in SCENES} == set("abcdefgh")
