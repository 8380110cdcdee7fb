"""What the suite has tried and how much of it went well: a table at the end, and artifacts/chaos.json."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

_COUNTING = threading.Lock()
"""Scenarios that run at the same time count into the same rows."""


class NothingHappenedError(Exception):
    """A case has gone well before its fault was due: it has shown nothing, and does not count."""


@dataclass
class Row:
    """One scenario: how many cases it had, how many went well, anything worth knowing."""

    scenario: str
    unit: str
    cases: int = 0
    passed: int = 0
    seconds: float = 0.0
    note: str = ""
    failures: list[str] = field(default_factory=list)
    idle: int = 0
    """Cases that were over before their fault was due."""
    keep_going: bool = True
    """Whether the other cases go on after a failure."""

    @contextlib.contextmanager
    def case(self, title: str) -> Iterator[None]:
        """One case; its failure is kept, and the other cases go on."""
        with _COUNTING:
            self.cases += 1
        try:
            yield
        except NothingHappenedError:
            with _COUNTING:
                self.cases -= 1
                self.idle += 1
        except AssertionError as error:
            self.failures.append(f"{title}: {error}")
            if not self.keep_going:
                raise
        else:
            with _COUNTING:
                self.passed += 1


@dataclass(frozen=True)
class Sabotaged:
    """A mechanism that was switched off, and what the suite said about it."""

    part: str
    effect: str
    noticed: bool
    said: str


class Tally:
    """All rows of a session."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.sabotages: list[Sabotaged] = []

    @contextlib.contextmanager
    def row(self, scenario: str, unit: str = "cases") -> Iterator[Row]:
        """A row that is filled in the block; raises AssertionError at its end when a case has failed."""
        row = Row(scenario, unit)
        self.rows.append(row)
        started = time.monotonic()
        try:
            yield row
        finally:
            row.seconds = round(time.monotonic() - started, 1)
        assert row.cases, f"{scenario}: nothing was tried"
        assert not row.failures, f"{scenario}: {len(row.failures)} of {row.cases} failed:\n" + "\n".join(
            row.failures
        )

    def table(self) -> list[str]:
        """The rows for people."""
        width = max((len(row.scenario) for row in self.rows), default=0)
        lines = [f"{'scenario'.ljust(width)}  {'cases':>22}  passed  seconds"]
        for row in sorted(self.rows, key=lambda row: row.scenario):
            cases = f"{row.cases} {row.unit}"
            note = f"  {row.note}" if row.note else ""
            note += f" ({row.idle} over before the fault)" if row.idle else ""
            lines.append(f"{row.scenario.ljust(width)}  {cases:>22}  {row.passed:>6}  {row.seconds:>7}{note}")
        totals: Counter[str] = Counter()
        for row in self.rows:
            totals[row.unit] += row.cases
        return [*lines, "in all: " + ", ".join(f"{count} {unit}" for unit, count in totals.most_common())]

    def sabotage_table(self) -> list[str]:
        """Which mechanism was switched off, and whether the part of the suite that guards it was red."""
        lines = [f"{'part':<4}  {'switched off: the operator then does this':<92}  {'red?':<4}  because"]
        for each in sorted(self.sabotages, key=lambda each: (each.part, each.effect)):
            red = "red" if each.noticed else "NO"
            lines.append(f"{each.part:<4}  {each.effect:<92}  {red:<4}  {' '.join(each.said.split())[:110]}")
        return lines

    def write(self, path: Path, mode: str) -> None:
        """The rows for programs."""
        path.parent.mkdir(exist_ok=True)
        content = {
            "mode": mode,
            "rows": [asdict(row) for row in self.rows],
            "sabotages": [asdict(each) for each in self.sabotages],
        }
        path.write_text(json.dumps(content, indent=1))
