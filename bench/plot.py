"""Draw the results: what the operator needs in relation to its peers, and how it grows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import at_rest, throughput

PAPER, INK, FAINT, LINE = "#f6f8fa", "#1f2328", "#818b98", "#0969da"
"""A light panel with dark ink on it: as readable on a dark page as on a light one."""

_GROWTH = {
    at_rest.MEMORY: "Resident memory (MiB)",
    throughput.INSTALL: "Install, per Storefront (ms)",
    at_rest.RESTART: "Restart until synced (s)",
}

Row = Mapping[str, Any]


def draw(results: Path, picture: Path) -> bool:
    """Draw the growth over the sizes of the fleets; False when there are not two sizes to compare."""
    rows: Sequence[Row] = json.loads(results.read_text())["rows"]
    curves = {
        title: sorted((row["storefronts"], row["value"]) for row in rows if row["measure"] == measure)
        for measure, title in _GROWTH.items()
    }
    curves = {title: points for title, points in curves.items() if len(points) > 1}
    if not curves:
        return False
    with style():
        figure = Figure(figsize=(3.2 * len(curves), 2.8), facecolor=PAPER, layout="constrained")
        for axes, (title, points) in zip(
            figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True
        ):
            _curve(axes, title, points)
        save(figure, picture)
    return True


def style() -> AbstractContextManager[None]:
    """How pictures of this repository look: text stays text, and the same data gives the same file."""
    return mpl.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "storefront",
            "font.family": "sans-serif",
            "font.size": 9,
            "text.color": INK,
            "axes.labelcolor": INK,
        }
    )


def save(figure: Figure, picture: Path) -> None:
    """Write a picture, without the moment at which it was drawn."""
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, metadata={"Date": None})


def bare(axes: Axes) -> None:
    """Leave only what is needed to read a diagram."""
    axes.set_facecolor(PAPER)
    axes.tick_params(colors=INK, length=3)
    axes.grid(axis="y", color=FAINT, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)


def _curve(axes: Axes, title: str, points: Sequence[tuple[int, float]]) -> None:
    sizes, values = zip(*points, strict=True)
    axes.plot(sizes, values, color=LINE, marker="o", linewidth=1.8, markersize=4)
    for size, value in points:
        axes.annotate(f"{value:.3g}", (size, value), (0, 6), textcoords="offset points", ha="center")
    axes.set_title(title, fontsize=9, color=INK)
    axes.set_xlabel("Storefronts")
    axes.set_xticks(sizes)
    axes.set_xlim(0, 1.12 * max(sizes))
    axes.set_ylim(0, 1.25 * max(values))
    bare(axes)
