"""What a fault has cost a store: acknowledged writes, lost ones, and the longest time without any. Pure."""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Acknowledged:
    """One write: when it was acknowledged (seconds of the monotonic clock), to which client, on which connection."""

    time: float
    key: str
    client: str

    @property
    def connection(self) -> str:
        """The part of the key that all writes of one connection share."""
        return self.key.rpartition(".")[0]


@dataclass
class Window:
    """The time that a fault is held responsible for, in one store."""

    store: str
    fault: str
    began: float
    ended: float = float("inf")
    beyond: str | None = None
    """The client on the node that is off or cut: how long it cannot write says nothing about the store."""
    known: float | None = None
    """When the cluster was told that the node is off."""


@dataclass(frozen=True)
class Cost:
    """What was measured in a window; times in seconds."""

    store: str
    fault: str
    acknowledged: int
    lost: int
    lost_beyond: int
    """How many of these the client beyond the fault had been acknowledged."""
    lost_until: float | None
    """When the last of these was acknowledged, in seconds after the fault began."""
    gap: float
    """The longest time in which no connection could write."""
    connection_gap: float
    """The same for the connection that was worst off."""
    since_known: float | None
    """From the moment the cluster knew that the node is off until the first write after the gap."""
    search_gap: float | None
    """The longest time in which no search was answered; of Elasticsearch."""
    red: int
    """How often its health was red; of Elasticsearch."""


def cost(
    window: Window,
    writes: Sequence[Acknowledged],
    lost: Iterable[str],
    observations: Sequence[tuple[float, str]] = (),
) -> Cost:
    """The cost of a window, from all that was acknowledged, the keys that are missing, and what was observed."""
    inside = [each for each in writes if window.began <= each.time < window.ended]
    missing = set(lost)
    gone = [each for each in inside if each.key in missing]
    judged = [each for each in writes if each.client != window.beyond]
    by_connection: dict[str, list[float]] = {}
    for each in judged:
        by_connection.setdefault(each.connection, []).append(each.time)
    gap, until = _longest_gap([each.time for each in judged], window.began, window.ended)
    searches = [time for time, what in observations if what == "search"]
    return Cost(
        window.store,
        window.fault,
        acknowledged=len(inside),
        lost=len(gone),
        lost_beyond=sum(each.client == window.beyond for each in gone),
        lost_until=max((each.time - window.began for each in gone), default=None),
        gap=gap,
        connection_gap=max(
            (
                _longest_gap(times, window.began, window.ended)[0]
                for times in by_connection.values()
                # A connection of a client that has ended, or came later, is not kept waiting.
                if min(times) < window.began and max(times) > window.ended - _RECENT
            ),
            default=gap,
        ),
        since_known=None if window.known is None else max(0.0, until - window.known),
        search_gap=_longest_gap(searches, window.began, window.ended)[0] if searches else None,
        red=sum(what == "red" for time, what in observations if window.began <= time < window.ended),
    )


_RECENT = 5.0


def _longest_gap(times: Iterable[float], began: float, ended: float) -> tuple[float, float]:
    """The longest time between two of these that reaches into the window, and when it was over."""
    before = [time for time in times if time < ended]
    recent = max((time for time in before if time < began), default=began)
    marks = [recent, *sorted(time for time in before if time >= began), ended]
    earlier, later = max(itertools.pairwise(marks), key=lambda pair: pair[1] - pair[0])
    return later - earlier, later


@dataclass
class Table:
    """The costs of all rounds."""

    costs: list[Cost] = field(default_factory=list)

    def rows(self) -> list[dict[str, Any]]:
        """One per store and fault."""
        chosen: dict[tuple[str, str], list[Cost]] = {}
        for each in self.costs:
            chosen.setdefault((each.store, each.fault), []).append(each)
        return [_row(store, fault, costs) for (store, fault), costs in sorted(chosen.items())]

    def lines(self) -> list[str]:
        """The rows for people."""
        head = f"{'store':<14} {'fault':<34} {'rounds':>6} {'acknowledged':>12} {'lost':>5}   "
        lines = [f"{head}{'gap median':>10} {'worst':>6}   {'conn. worst':>11}  notes"]
        for row in self.rows():
            notes = []
            if row["since known"]:
                notes.append(f"{row['since known']['worst']:.1f} s after the node was known to be off")
            if row["lost on the node"]:
                notes.append(
                    f"lost: {row['lost on the node']} by the client on that node, "
                    f"up to {row['lost until']['worst']:.1f} s after the fault"
                )
            if row["search gap"]:
                notes.append(f"search {row['search gap']['worst']:.1f} s, red {row['red']}")
            lines.append(
                f"{row['store']:<14} {row['fault']:<34} {row['rounds']:>6} {row['acknowledged']:>12} "
                f"{row['lost']:>5}   {row['gap']['median']:>8.2f} s {row['gap']['worst']:>6.2f}   "
                f"{row['connection gap']['worst']:>9.2f} s  {'; '.join(notes)}"
            )
        return lines

    def write(self, path: Path, **more: Any) -> None:
        """The rows for programs, with what else is to be kept."""
        path.parent.mkdir(exist_ok=True)
        document = {"rows": self.rows(), "measurements": [asdict(each) for each in self.costs], **more}
        path.write_text(json.dumps(document, indent=1) + "\n")


def _row(store: str, fault: str, costs: Sequence[Cost]) -> dict[str, Any]:
    return {
        "store": store,
        "fault": fault,
        "rounds": len(costs),
        "acknowledged": sum(each.acknowledged for each in costs),
        "lost": sum(each.lost for each in costs),
        "gap": _spread([each.gap for each in costs]),
        "connection gap": _spread([each.connection_gap for each in costs]),
        "since known": _spread([each.since_known for each in costs if each.since_known is not None]),
        "search gap": _spread([each.search_gap for each in costs if each.search_gap is not None]),
        "red": sum(each.red for each in costs),
        "lost on the node": sum(each.lost_beyond for each in costs),
        "lost until": _spread([each.lost_until for each in costs if each.lost_until is not None]),
    }


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"median": round(statistics.median(values), 2), "worst": round(max(values), 2)}
