"""Rendering and planning alone, without any API: how many Storefronts a second on one core, and what it costs."""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from storefront_dev.binaries import binaries
from storefront_dev.folders import REPOSITORY
from storefront_dev.progress import Progress
from storefront_operator.api import Storefront, parse_storefront
from storefront_operator.components import COMPONENTS, context_of, render_component, rendering_inputs
from storefront_operator.engine.credentials import placeholders
from storefront_operator.engine.plan import Wanted, make_plan
from storefront_operator.objects import Observed

from bench.one_storefront import write_chart
from bench.recording import Recording
from bench.report import Results, Row
from bench.subject import names, storefront

PART = "rendering"
_ROUNDS = 3
_TOP = 25

Subjects = Sequence[tuple[dict[str, Any], Observed]]


async def measure(recording: Recording, storefronts: int, results: Results, progress: Progress) -> None:
    """Render and plan `storefronts` Storefronts a few times, then once more under the profiler."""
    subjects = [_subject(name) for name in names("shop", storefronts)]
    steps: dict[str, list[float]] = {}
    totals, objects = [], 0
    for _ in range(_ROUNDS):
        spent, objects = _run(subjects)
        totals.append(sum(spent.values()))
        for step, seconds in spent.items():
            steps.setdefault(f"{step}, ms", []).append(1000 * seconds / storefronts)
    seconds = statistics.median(totals) / storefronts
    progress(f"rendering and planning: {1 / seconds:.0f} Storefronts/s")
    helm = await _helm_template(recording)
    results.rows += [
        Row(
            PART,
            "render and plan one Storefront",
            storefronts,
            objects,
            seconds * 1000,
            "ms",
            "helm template",
            helm * 1000,
            samples=steps,
        ),
        Row(PART, "Storefronts per second on one core", storefronts, objects, 1 / seconds, "/s"),
    ]
    results.profiles[PART] = _profile(subjects)


def _subject(name: str) -> tuple[dict[str, Any], Observed]:
    resource = storefront(name)
    resource["metadata"] |= {"uid": f"uid-of-{name}", "generation": 1}
    return resource, placeholders(parse_storefront(resource))


def _run(subjects: Subjects) -> tuple[dict[str, float], int]:
    """Seconds spent in each step over all subjects, and how many writes were planned."""
    parsing = inputs = rendering = planning = 0.0
    objects = 0
    for resource, observed in subjects:
        begin = time.perf_counter()
        parsed: Storefront = parse_storefront(resource)
        parse_end = time.perf_counter()
        contexts = [(component, context_of(component, parsed, observed)) for component in COMPONENTS]
        for _, context in contexts:
            rendering_inputs(parsed, context)
        inputs_end = time.perf_counter()
        manifests = [
            manifest
            for component, context in contexts
            for manifest in render_component(component, parsed, context)
        ]
        render_end = time.perf_counter()
        plan = make_plan(map(Wanted.of, manifests), observed, {})
        end = time.perf_counter()
        parsing += parse_end - begin
        inputs += inputs_end - parse_end
        rendering += render_end - inputs_end
        planning += end - render_end
        objects += sum(len(wave) for wave in plan.waves)
    spent = {"parse": parsing, "hash the inputs": inputs, "render": rendering, "plan": planning}
    return spent, objects


async def _helm_template(recording: Recording) -> float:
    """Median seconds of `helm template` with the same objects, already written out: its start and one parse."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        chart = Path(folder) / "chart"
        write_chart(chart, recording.of("shop-0000"))
        for _ in range(_ROUNDS):
            begin = time.perf_counter()
            process = await asyncio.create_subprocess_exec(
                str(binaries()["helm"]),
                "template",
                str(chart),
                stdout=asyncio.subprocess.DEVNULL,
                env={"HOME": folder, "PATH": "/usr/bin:/bin"},
            )
            assert await process.wait() == 0, "helm template failed"
            times.append(time.perf_counter() - begin)
    return statistics.median(times)


def _profile(subjects: Subjects) -> list[dict[str, Any]]:
    profiler = cProfile.Profile()
    profiler.runcall(_run, subjects)
    stats = pstats.Stats(profiler).get_stats_profile()
    found = [
        {
            "function": f"{_short(function.file_name)}:{function.line_number}({name})",
            "calls": function.ncalls,
            "own_ms": round(1000 * function.tottime / len(subjects), 3),
            "cumulative_ms": round(1000 * function.cumtime / len(subjects), 3),
        }
        for name, function in stats.func_profiles.items()
    ]
    return sorted(found, key=lambda entry: -float(str(entry["cumulative_ms"])))[:_TOP]


def _short(file: str) -> str:
    """The end of a path, without what is particular to this machine."""
    return "/".join(file.removeprefix(f"{REPOSITORY}/").split("/")[-3:])
