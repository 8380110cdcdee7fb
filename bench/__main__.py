"""`python -m bench`: run the benchmarks, print the table, write the results and draw the picture."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from storefront_dev.folders import REPOSITORY
from storefront_dev.progress import Progress

from bench import at_rest, drift, one_storefront, plot, rendering, report, throughput
from bench.fleet import empty_fleet
from bench.parts import add_parts
from bench.recording import Recording, record_installation
from bench.report import Results

PARTS = (rendering.PART, one_storefront.PART, throughput.PART, at_rest.PART, drift.PART)


@dataclass(frozen=True)
class Sizes:
    """How much is done: seconds, rounds, Storefronts or children."""

    storefronts: Sequence[int]
    limit: int
    rounds: int
    rendered: int
    idle: float
    drifts: int
    drifts_per_second: float


FULL = Sizes((100, 300, 1000), 50, 7, 200, 60, 1000, 20)
QUICK = Sizes((10, 30), 20, 2, 50, 10, 40, 10)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; the exit code is 0 when everything could be measured, whether goals are met or not."""
    options = _parser().parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    sizes = QUICK if options.quick else FULL
    storefronts = sorted(options.storefronts or sizes.storefronts)
    name = "bench-quick" if options.quick else "bench"
    output = options.output or REPOSITORY / "artifacts" / f"{name}.json"
    folder = REPOSITORY / ("artifacts" if options.quick else "docs/images")
    picture = options.picture or folder / f"{name}.svg"

    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    load, began = os.getloadavg(), time.monotonic()
    results = Results()
    # As Ctrl-C does it, which a shell may have told its background jobs to ignore: what was started is stopped, what
    # was measured is written.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        asyncio.run(_run(options.parts, sizes, storefronts, results, Progress()))
    except KeyboardInterrupt:
        return 130
    finally:
        # What was measured before something went wrong was measured all the same.
        results.write(output, report.facts(started, load, time.monotonic() - began))
        print(results.table())
        for part, functions in results.profiles.items():
            print(_profile(part, functions))
        print(f"Written to {output}", file=sys.stderr)
    if plot.draw(output, picture):
        print(f"Drawn in {picture}", file=sys.stderr)
    return 0


async def _run(
    parts: Sequence[str], sizes: Sizes, storefronts: Sequence[int], results: Results, progress: Progress
) -> None:
    recording = await record_installation()
    progress(f"a production Storefront has {len(recording)} objects, generated Secrets included")
    if rendering.PART in parts:
        await rendering.measure(recording, sizes.rendered, results, progress)
    if one_storefront.PART in parts:
        await one_storefront.measure(recording, sizes.rounds, results, progress)
    if {throughput.PART, at_rest.PART, drift.PART} & set(parts):
        await _fleets(parts, sizes, storefronts, recording, results, progress)


async def _fleets(
    parts: Sequence[str],
    sizes: Sizes,
    storefronts: Sequence[int],
    recording: Recording,
    results: Results,
    progress: Progress,
) -> None:
    """One fleet per size, each on a cluster of its own; the biggest one is also meddled with."""
    limit = None
    if throughput.PART in parts:
        limit = await throughput.find_limit(recording, min(sizes.limit, storefronts[0]), progress)
    for size in storefronts:
        biggest = size == storefronts[-1]
        async with empty_fleet(recording) as fleet:
            if limit and (biggest or size == storefronts[0]):
                await throughput.compare(fleet, size, limit, results, progress)
            else:
                await throughput.install_alone(fleet, size, results, progress)
            if at_rest.PART not in parts and not (biggest and drift.PART in parts):
                continue
            objects = await at_rest.settle(fleet, progress)
            if at_rest.PART in parts:
                await at_rest.measure_memory(fleet, objects, results, goal=biggest)
                if biggest:
                    await at_rest.measure_processor(fleet, objects, sizes.idle, results)
                await at_rest.measure_restart(fleet, objects, results, progress)
            if biggest and drift.PART in parts:
                await drift.measure(fleet, sizes.drifts, sizes.drifts_per_second, results, progress)


def _profile(part: str, functions: Sequence[dict[str, object]]) -> str:
    lines = [f"\nWhere the time of {part} goes (per Storefront, under the profiler; ms cumulative, own):"]
    lines += [f"{f['cumulative_ms']:>10} {f['own_ms']:>9}  {f['function']}" for f in functions[:15]]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("bench", description="Measure the operator against its peers.")
    add_parts(parser, PARTS)
    parser.add_argument(
        "--storefronts",
        type=_numbers,
        metavar="N,N",
        help=f"sizes of the fleets; default: {','.join(map(str, FULL.storefronts))}",
    )
    parser.add_argument(
        "--quick", action="store_true", help="small fleets and few rounds: tries the benchmarks out"
    )
    parser.add_argument("--output", type=Path, help="the JSON file; default: artifacts/bench.json")
    parser.add_argument("--picture", type=Path, help="the picture; default: docs/images/bench.svg")
    return parser


def _numbers(text: str) -> Sequence[int]:
    numbers = [int(number) if number.isdigit() else 0 for number in text.split(",")]
    if min(numbers) <= throughput.WARM_UP:
        raise argparse.ArgumentTypeError(f"{text!r}: expected numbers over {throughput.WARM_UP}, as 100,1000")
    return numbers


if __name__ == "__main__":
    sys.exit(main())
