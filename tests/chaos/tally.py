"""What the suite has tried and how much of it went well: a table at the end, and artifacts/chaos.json."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

_COUNTING = threading.Lock()
"""Scenarios that run at the same time count into the same rows."""


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
    keep_going: bool = True
    """Whether the other cases go on after a failure."""

    @contextlib.contextmanager
    def case(self, title: str) -> Iterator[None]:
        """One case; its failure is kept, and the other cases go on."""
        with _COUNTING:
            self.cases += 1
        try:
            yield
        except AssertionError as error:
            self.failures.append(f"{title}: {error}")
            if not self.keep_going:
                raise
        else:
            with _COUNTING:
                self.passed += 1


class Tally:
    """All rows of a session."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

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
        assert not row.failures, f"{len(row.failures)} of {row.cases}:\n" + "\n".join(row.failures)

    def table(self) -> list[str]:
        """The rows for people."""
        width = max((len(row.scenario) for row in self.rows), default=0)
        lines = [f"{'scenario'.ljust(width)}  {'cases':>22}  passed  seconds"]
        for row in self.rows:
            cases = f"{row.cases} {row.unit}"
            note = f"  {row.note}" if row.note else ""
            lines.append(f"{row.scenario.ljust(width)}  {cases:>22}  {row.passed:>6}  {row.seconds:>7}{note}")
        return lines

    def write(self, path: Path, mode: str) -> None:
        """The rows for programs."""
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"mode": mode, "rows": [asdict(row) for row in self.rows]}, indent=1))
