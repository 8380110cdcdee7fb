"""For each part of the suite: with the mechanism it guards disabled, it must fail, and for the right reason.

`pytest -m sabotage tests/chaos`; part of the full suite (CHAOS=full).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

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
from tests.chaos.shop import SPEC
from tests.chaos.tally import Row, Tally

pytestmark = [pytest.mark.chaos, pytest.mark.sabotage]

PATIENCE = 20.0
"""Seconds after which a sabotaged operator is taken to have failed."""

Scenario = Callable[[Arena, Row], Any]


def _in_the_middle(numbers: Iterable[int]) -> list[int]:
    """Between the creation of a migration Job and the pruning of it."""
    return [n for n in numbers if 4 <= n <= 8]


def _late(numbers: Iterable[int]) -> list[int]:
    return list(numbers)[-3:-2]


_WITH_MORE = {**SPEC, "ingress": {"tls": {"mode": "Secret", "secretName": "own"}}, "images": {"tag": "v1"}}

SABOTAGES: list[tuple[str, str, Scenario, str]] = [
    ("a", "credentials_made_anew", lambda arena, row: a.installs(arena, row, _late), "credentials changed"),
    ("a", "prunes_from_memory", lambda arena, row: a.upgrades(arena, row, _in_the_middle), "surplus: Job"),
    ("b", "relist_merges", b.deletions_in_the_gap, "missing: "),
    ("c", "credentials_made_anew", c.a_list_from_before_the_install, "credentials changed"),
    ("c", "deletes_by_name", c.somebody_elses_object_of_the_same_name, "of somebody else"),
    (
        "d",
        "never_prunes",
        lambda arena, row: d.sequences(arena, row, 1, [[_WITH_MORE, {**SPEC, "images": {"tag": "v2"}}]]),
        "surplus: Job",
    ),
    (
        "e",
        "invalid_means_default",
        lambda arena, row: e.judged_by_the_operator(arena, row, JUDGED_BY_THE_OPERATOR[:1]),
        "is not named|Stalled",
    ),
    ("f", "no_backoff", f.backoff_and_neighbours, r"\d+ attempts in"),
    ("f", "no_backoff", f.retry_after_is_obeyed, r"gaps of"),
    ("g", "drift_ignored", g.while_it_runs, "is as before"),
    (
        "g",
        "applies_after_a_start",
        lambda arena, row: g.while_it_is_down(arena, row, g.mutate, deleted=False),
        "written without need",
    ),
    ("h", "applies_blindly", lambda arena, row: h.silence(arena, row, 2, 15), r"writes|falls silent|settles"),
]


@pytest.mark.parametrize(
    ("part", "sabotage", "scenario", "because"),
    SABOTAGES,
    ids=[f"{part}-{sabotage}-{number}" for number, (part, sabotage, _, _) in enumerate(SABOTAGES)],
)
def test_the_suite_notices(
    stage: Stage, tally: Tally, part: str, sabotage: str, scenario: Scenario, because: str
) -> None:
    with tally.row(f"sabotage of {part}: {sabotage.replace('_', ' ')}", "guards") as row, row.case(sabotage):
        told = _told(stage, sabotage, scenario)
        assert re.search(because, told), (
            f"the suite did not notice, or for another reason: {told or 'all well'}"
        )
        row.note = "noticed"


def _told(stage: Stage, sabotage: str, scenario: Scenario) -> str:
    """What the scenario complains about."""
    tried = Row(sabotage, "cases", keep_going=False)
    with stage.arena(sabotage=sabotage, patience=PATIENCE) as arena:
        assert arena.operator.alive
        try:
            scenario(arena, tried)
        except AssertionError as error:
            tried.failures.append(str(error))
        assert arena.operator.alive, arena.operator.log()
    return "\n".join(tried.failures)
