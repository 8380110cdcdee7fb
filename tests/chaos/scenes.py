"""Scenes: what the tests are made of. They play side by side, each in an arena of its own.

Most of a scene is waiting (for the operator, its backoff, Kubernetes' namespace controller), so there is always
another one that goes on. Modules that say `ALONE = True` have the stage to themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
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


class Programme:
    """Plays the scenes of each group at the same time, and the groups one after the other, as they are asked for."""

    def __init__(self, groups: Iterable[list[Act]], stage: Stage, tally: Tally) -> None:
        self._groups = list(groups)
        self._stage, self._tally = stage, tally
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._playing: dict[Act, Future[None]] = {}

    def result(self, act: Act) -> None:
        """Wait for the end of a scene; its group begins when no other one plays."""
        if act not in self._playing:
            wait(self._playing.values())
            group = next(group for group in self._groups if act in group)
            self._playing |= {each: self._pool.submit(each.act, self._stage, self._tally) for each in group}
        self._playing[act].result()

    def end(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(cancel_futures=True)
