"""What was found out: a table for people, JSON for everything else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.report import Goal, aligned, quantile
from bench.services.checkout import Checkout
from bench.services.comparison import PEER, SERVICE, TARGETS, Measured
from bench.services.pods import Pod, Usage

SCHEMA = 1
RATIO_GOAL = Goal(0.5, at_most=False, of_ratio=True)
MEMORY_GOAL = Goal(100)
_MEBIBYTE = 2**20
_MARKS = {True: "met", False: "MISSED"}

Json = dict[str, Any]


@dataclass(frozen=True)
class Memory:
    """What a pod used before any load and after all of it, and its share of a processor at rest."""

    pod: Pod
    before: Usage
    after: Usage
    at_rest: float
    """Of one core, from 0 to 1."""

    @property
    def mebibytes(self) -> float:
        """What the goal is for: the working set after the load."""
        return self.after.working_set / _MEBIBYTE


@dataclass
class Results:
    """Everything that one run has found out."""

    measured: list[Measured] = field(default_factory=list)
    checkout: Checkout | None = None
    memory: list[Memory] = field(default_factory=list)
    traces: Mapping[str, int] = field(default_factory=dict)
    """`exports` that the collector got, and their `bytes`."""

    def write(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Write the JSON file; bench/README.md describes it."""
        document = {
            "schema": SCHEMA,
            **facts,
            "scenarios": [_scenario(each) for each in self.measured],
            "checkout": _checkout(self.checkout) if self.checkout else None,
            "memory": [_memory(each) for each in self.memory],
            "traces": dict(self.traces),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1) + "\n")

    def table(self) -> str:
        """The tables for people, one below the other."""
        tables = []
        if self.measured:
            tables.append(aligned([_HEAD, *(line for each in self.measured for line in _lines(each))]))
        if self.checkout:
            tables.append(_checkout_text(self.checkout))
        if self.memory:
            tables.append(aligned([_MEMORY_HEAD, *map(_memory_line, self.memory)]))
        return "\n\n".join(tables)


_HEAD = ("what", "of", "answered", "failed", "rate", "p50", "p99", "per core", "ratio", "goal", "")
_MEMORY_HEAD = ("pod", "at rest", "working set", "PSS at rest", "PSS", "processor at rest", "goal", "")


def _lines(measured: Measured) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for target in TARGETS:
        compared = ("", "", "")
        if target == SERVICE:
            spread = f"{measured.ratio:.2f} ({min(measured.ratios):.2f}…{max(measured.ratios):.2f})"
            compared = (spread, str(RATIO_GOAL), _MARKS[RATIO_GOAL.met(measured.ratio)])
        found.append(
            (
                measured.scenario.name,
                target,
                str(measured.answered(target)),
                str(measured.failures(target).total()),
                f"{measured.scenario.rate:g}/s",
                f"{measured.latency(target, 0.5):.1f} ms",
                f"{measured.latency(target, 0.99):.1f} ms",
                f"{measured.per_core(target):.0f}/s",
                *compared,
            )
        )
    return found


def _scenario(measured: Measured) -> Json:
    return {
        "name": measured.scenario.name,
        "service": measured.scenario.service,
        "rate": measured.scenario.rate,
        "ratio": measured.ratio,
        "ratios": measured.ratios,
        "goal": str(RATIO_GOAL),
        "met": RATIO_GOAL.met(measured.ratio),
        "targets": {target: _target(measured, target) for target in TARGETS},
    }


def _target(measured: Measured, target: str) -> Json:
    rounds = measured.rounds[target]
    return {
        "answered": measured.answered(target),
        "failures": dict(measured.failures(target)),
        "p50_ms": measured.latency(target, 0.5),
        "p99_ms": measured.latency(target, 0.99),
        "sent_late_p99_ms": quantile([late for each in rounds for late in each.sent_late], 0.99),
        "per_core": measured.per_core(target),
        "rounds": [
            {
                "answered": len(each.latencies),
                "processor_seconds": each.processor_seconds,
                "per_core": each.per_core,
                "p50_ms": quantile(each.latencies, 0.5),
                "p99_ms": quantile(each.latencies, 0.99),
            }
            for each in rounds
        ],
    }


def _checkout(checkout: Checkout) -> Json:
    return {
        "rate": checkout.rate,
        "seconds": checkout.seconds,
        "shipped": len(checkout.shipped),
        "failures": dict(checkout.failures),
        "accepted_p50_ms": quantile(checkout.accepted, 0.5),
        "accepted_p99_ms": quantile(checkout.accepted, 0.99),
        "shipped_p50_ms": quantile(checkout.shipped, 0.5),
        "shipped_p99_ms": quantile(checkout.shipped, 0.99),
        "processor_seconds": dict(checkout.processor_seconds),
        "per_core": checkout.per_core,
    }


def _checkout_text(checkout: Checkout) -> str:
    figures = _checkout(checkout)
    used = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in checkout.processor_seconds.items())
    return (
        f"checkout at {checkout.rate:g}/s: {figures['shipped']} orders shipped, "
        f"{checkout.failures.total()} failed; accepted after {figures['accepted_p50_ms']:.0f} ms (p50), "
        f"{figures['accepted_p99_ms']:.0f} ms (p99); shipped after {figures['shipped_p50_ms']:.0f} ms (p50), "
        f"{figures['shipped_p99_ms']:.0f} ms (p99)\n"
        f"{checkout.per_core:.1f} orders per second and core of the five services: {used}"
    )


def _memory(memory: Memory) -> Json:
    return {
        "pod": memory.pod.component,
        "name": memory.pod.name,
        "working_set_at_rest_mib": memory.before.working_set / _MEBIBYTE,
        "working_set_mib": memory.mebibytes,
        "pss_at_rest_mib": memory.before.proportional_set / _MEBIBYTE,
        "pss_mib": memory.after.proportional_set / _MEBIBYTE,
        "cores_at_rest": memory.at_rest,
        **(
            {}
            if _is_peer(memory)
            else {"goal": f"{MEMORY_GOAL} MiB", "met": MEMORY_GOAL.met(memory.mebibytes)}
        ),
    }


def _memory_line(memory: Memory) -> Sequence[str]:
    sizes = (
        memory.before.working_set,
        memory.after.working_set,
        memory.before.proportional_set,
        memory.after.proportional_set,
    )
    goal = ("", "") if _is_peer(memory) else (f"{MEMORY_GOAL} MiB", _MARKS[MEMORY_GOAL.met(memory.mebibytes)])
    return (
        memory.pod.component,
        *(f"{size / _MEBIBYTE:.0f} MiB" for size in sizes),
        f"{100 * memory.at_rest:.1f} %",
        *goal,
    )


def _is_peer(memory: Memory) -> bool:
    return PEER in memory.pod.component
