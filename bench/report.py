"""Results: one row per measurement, as a table for people and as JSON for everything else."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from storefront_dev.folders import REPOSITORY

SCHEMA = 1
_SPREADS = 4  # in the table; the JSON file has all samples


@dataclass(frozen=True)
class Goal:
    """What a row should reach: a ratio to its peer, or a value of its own."""

    limit: float
    at_most: bool = True
    of_ratio: bool = False

    def met(self, figure: float) -> bool:
        """Whether a figure reaches the goal."""
        return figure <= self.limit if self.at_most else figure >= self.limit

    def __str__(self) -> str:
        return f"{'ratio ' if self.of_ratio else ''}{'≤' if self.at_most else '≥'} {self.limit:g}"


@dataclass(frozen=True)
class Row:
    """One measurement.

    `value` in `unit` is the operator's figure, `peer_value` that of `peer`, measured in the same run. `samples`
    are the single measurements behind both, by name; the spread is told from them. `objects` is how many objects
    were written, held or repaired.
    """

    part: str
    measure: str
    storefronts: int
    objects: int
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    goal: Goal | None = None
    samples: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """The value over that of the peer, or None without a peer."""
        return self.value / self.peer_value if self.peer_value else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached, or None without one."""
        if self.goal is None:
            return None
        figure = self.ratio if self.goal.of_ratio else self.value
        return None if figure is None else self.goal.met(figure)


@dataclass
class Results:
    """Everything one run has found out."""

    rows: list[Row] = field(default_factory=list)
    profiles: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Per part: the functions in which the time goes, the most expensive first."""

    def write(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Write the JSON file; bench/README.md describes it."""
        rows = [
            {
                **{key: value for key, value in asdict(row).items() if key != "goal"},
                "ratio": row.ratio,
                "goal": str(row.goal) if row.goal else None,
                "met": row.met,
            }
            for row in self.rows
        ]
        document = {"schema": SCHEMA, **facts, "rows": rows, "profiles": self.profiles}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1) + "\n")

    def table(self) -> str:
        """The rows for a person to read."""
        head = ("part", "what", "shops", "objects", "operator", "peer", "ratio", "goal", "", "spread")
        return aligned([head, *(_cells(row) for row in self.rows)])


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells as a table for people."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def facts(started: str, load_before: Sequence[float], seconds: float) -> dict[str, Any]:
    """Where and when a run took place: figures of different machines cannot be compared."""
    revision = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "started": started,
        "seconds": round(seconds, 1),
        "revision": revision.stdout.strip(),
        "machine": {
            "processors": os.cpu_count(),
            "architecture": platform.machine(),
            "python": platform.python_version(),
            "load_before": list(load_before),
            "load_after": list(os.getloadavg()),
        },
    }


def quantile(values: Iterable[float], share: float) -> float:
    """The value that `share` (0 to 1) of the values do not exceed: the nearest rank, so always one of them."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.part,
        row.measure,
        str(row.storefronts),
        str(row.objects),
        f"{row.value:.3g} {row.unit}" if row.value < 1000 else f"{row.value:.0f} {row.unit}",
        f"{row.peer_value:.3g} {row.unit} ({row.peer})" if row.peer_value is not None else "",
        f"{row.ratio:.2f}" if row.ratio is not None else "",
        str(row.goal or ""),
        {True: "met", False: "MISSED", None: ""}[row.met],
        "; ".join(
            [f"{name} {_spread(values)}" for name, values in row.samples.items() if len(values) > 1][
                :_SPREADS
            ]
        ),
    )


def _spread(values: Sequence[float]) -> str:
    return f"{min(values):.3g}…{statistics.median(values):.3g}…{max(values):.3g} (n={len(values)})"
