"""Scenes: what the tests of a module are made of. Those of one module play side by side, each in an arena of its own.

Most of a scene is waiting (for the operator, its backoff, Kubernetes' namespace controller), so this takes as long
as the longest of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tests.chaos.arena import Arena, Stage
from tests.chaos.tally import Row, Tally

AT_ONCE = 6
"""Scenes that play at the same time."""


class Act(Protocol):
    """What a test waits for; its text is the test's id."""

    def act(self, stage: Stage, tally: Tally) -> None:
        """Play; raises AssertionError with what has failed."""


@dataclass(frozen=True)
class Scene:
    """A row of the table: its title, what it counts, and the play that fills it."""

    title: str
    unit: str
    play: Callable[[Arena, Row], object]

    def __str__(self) -> str:
        return self.title.replace(" → ", "-")

    def act(self, stage: Stage, tally: Tally) -> None:
        """Play it from the start of an operator to its end."""
        with stage.arena() as arena, tally.row(self.title, self.unit) as row:
            self.play(arena, row)


Played = Callable[[Act], None]
"""Waits for the end of a scene; raises what it has failed with."""
