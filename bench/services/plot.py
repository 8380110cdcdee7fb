"""Draw the results: requests per core, latencies, memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.plot import FAINT, INK, LINE, PAPER, bare, save, style
from bench.services.comparison import PEER, SERVICE
from bench.services.report import MEMORY_GOAL

_WIDTH = 0.38


def draw(results: Path, picture: Path) -> bool:
    """Draw what the JSON file holds; False when it holds no scenario or no memory."""
    document = json.loads(results.read_text())
    scenarios, memory = document["scenarios"], document["memory"]
    if not scenarios or not memory:
        return False
    names = [each["name"] for each in scenarios]
    with style():
        figure = Figure(figsize=(9.6, 2.9), facecolor=PAPER, layout="constrained")
        per_core, latency, sizes = figure.subplots(1, 3)
        _pairs(per_core, "Requests per second and core", names, _of(scenarios, "per_core"))
        _pairs(latency, "p50 latency (ms)", names, _of(scenarios, "p50_ms"))
        _sizes(sizes, [each for each in memory if "goal" in each])
        save(figure, picture)
    return True


def _of(scenarios: Sequence[Mapping[str, Any]], figure: str) -> dict[str, list[float]]:
    return {target: [each["targets"][target][figure] for each in scenarios] for target in (SERVICE, PEER)}


def _pairs(axes: Axes, title: str, names: Sequence[str], values: Mapping[str, Sequence[float]]) -> None:
    for shift, colour, (target, heights) in zip((-0.5, 0.5), (LINE, FAINT), values.items(), strict=True):
        places = [number + shift * _WIDTH for number in range(len(names))]
        bars = axes.bar(places, heights, _WIDTH, color=colour, label=target)
        axes.bar_label(bars, fmt="%.0f", padding=2, fontsize=8, color=INK)
    axes.set_title(title, fontsize=9, color=INK)
    axes.set_xticks(range(len(names)), [name.replace(" ", "\n") for name in names])
    axes.legend(frameon=False, fontsize=8)
    axes.margins(y=0.25)
    bare(axes)


def _sizes(axes: Axes, memory: Sequence[Mapping[str, Any]]) -> None:
    names = [each["pod"] for each in memory]
    bars = axes.bar(names, [each["working_set_mib"] for each in memory], 0.6, color=LINE)
    axes.bar_label(bars, fmt="%.0f", padding=2, fontsize=8, color=INK)
    axes.axhline(MEMORY_GOAL.limit, color=FAINT, linewidth=1, linestyle="--")
    axes.set_title("Memory per pod (MiB); goal: below the line", fontsize=9, color=INK)
    axes.tick_params(axis="x", labelrotation=30)
    axes.margins(y=0.25)
    bare(axes)
