"""What processes cost: processor time and memory, from /proc."""

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def with_descendants(pids: Iterable[int]) -> set[int]:
    """These processes and all that descend from them."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(folder.name))
    found: set[int] = set()
    todo = list(pids)
    while todo:
        pid = todo.pop()
        if pid not in found:
            found.add(pid)
            todo += children.get(pid, [])
    return found


def processor_percent(pids: Iterable[int], seconds: float) -> float:
    """The share of one core, in percent, that the processes use while this waits."""
    pids = list(pids)
    before, began = _processor_seconds(pids), time.monotonic()
    time.sleep(seconds)
    after, ended = _processor_seconds(pids), time.monotonic()
    used = sum(after[pid] - before[pid] for pid in before.keys() & after.keys())
    return 100 * used / (ended - began)


def lines(pids: Iterable[int], seconds: float) -> list[str]:
    """What the processes and their descendants cost, measured over some seconds, for people; none for none."""
    found = with_descendants(pids)
    if not found:
        return []
    share = processor_percent(found, seconds)
    gibibytes = memory(found) / 2**30
    return [f"costs, pods included: {share:.1f} % of one core over {seconds:g} s, {gibibytes:.2f} GiB PSS"]


def memory(pids: Iterable[int]) -> int:
    """The memory of the processes in bytes: proportional set size, so that shared pages count once."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def _processor_seconds(pids: Iterable[int]) -> dict[int, float]:
    found = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found[pid] = (int(fields[11]) + int(fields[12])) / _TICKS
    return found
