"""One production Storefront: from `kubectl apply` to all children, against kubectl and Helm with the same objects."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import yaml
from storefront_dev.binaries import binaries
from storefront_dev.progress import Progress
from storefront_operator.client import CHILD_RESOURCES
from storefront_operator.client.resources import STOREFRONTS
from storefront_operator.objects import ChildKey
from storefront_operator.objects.labels import STOREFRONT

from bench.arrivals import Arrivals, watching
from bench.bare_client import install
from bench.cluster import Cluster
from bench.fleet import Fleet, empty_fleet
from bench.recording import Recording, Request
from bench.report import Goal, Results, Row
from bench.subject import storefront

_GOAL = Goal(0.2, of_ratio=True)
_BARE_IN_FLIGHT = 16
PART = "one"


async def measure(recording: Recording, rounds: int, results: Results, progress: Progress) -> None:
    """Let everybody install `rounds` Storefronts in turn, after one that does not count.

    The operator stands still while others are at work: it would take notice of their objects.
    """
    operator: list[float] = []
    alone: list[float] = []
    others: dict[str, list[float]] = {
        "kubectl apply --server-side": [],
        "helm install": [],
        "bare client": [],
    }
    async with empty_fleet(recording) as fleet:
        children = watching(fleet.cluster.client, CHILD_RESOURCES, STOREFRONT)
        parents = watching(fleet.cluster.client, [STOREFRONTS])
        async with children as arrivals, parents as applied:
            for number in range(rounds + 1):
                whole, without_kubectl = await _operator(fleet, f"operator-{number:02}", arrivals, applied)
                await fleet.operator.settled()
                with fleet.operator.suspended():
                    times = {
                        "kubectl apply --server-side": await _kubectl(
                            fleet.cluster, recording.of(f"kubectl-{number:02}"), arrivals
                        ),
                        "helm install": await _helm(
                            fleet.cluster, f"helm-{number:02}", recording.of(f"helm-{number:02}"), arrivals
                        ),
                        "bare client": await install(
                            fleet.cluster.client, recording, [f"bare-{number:02}"], _BARE_IN_FLIGHT
                        ),
                    }
                if number:
                    operator.append(whole)
                    alone.append(without_kubectl)
                    for name, seconds in times.items():
                        others[name].append(seconds)
                    told = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in times.items())
                    progress(f"one Storefront, round {number} of {rounds}: operator {whole:.2f} s, {told}")
    _report(results, len(recording), operator, alone, others)


def _report(
    results: Results,
    objects: int,
    operator: Sequence[float],
    alone: Sequence[float],
    others: dict[str, list[float]],
) -> None:
    medians = {name: statistics.median(times) for name, times in others.items()}
    bare = medians.pop("bare client")
    faster = min(medians, key=lambda name: medians[name])
    samples = {"operator": operator, **{name: times for name, times in others.items() if name in medians}}
    results.rows += [
        Row(
            PART,
            "kubectl apply of one Storefront until all children exist",
            1,
            objects,
            statistics.median(operator),
            "s",
            faster,
            medians[faster],
            _GOAL,
            samples,
        ),
        Row(
            PART,
            "the least there is: kubectl's own start, then the bare client",
            1,
            objects,
            statistics.median(operator) - statistics.median(alone) + bare,
            "s",
            faster,
            medians[faster],
        ),
        Row(
            PART,
            "the same, from the moment the Storefront exists",
            1,
            objects,
            statistics.median(alone),
            "s",
            "bare client",
            bare,
            samples={"operator": alone, "bare client": others["bare client"]},
        ),
    ]


async def _operator(fleet: Fleet, name: str, arrivals: Arrivals, applied: Arrivals) -> tuple[float, float]:
    """Seconds from the start of `kubectl apply`, and from the arrival of the Storefront, to all children.

    The Job whose name holds a hash of generated credentials is known by its kind and namespace only.
    """
    manifest = fleet.cluster.folder / f"{name}.json"
    manifest.write_text(json.dumps(storefront(name)))
    started = time.monotonic()
    await fleet.cluster.kubectl("apply", "-f", str(manifest))
    done = await arrivals.of_count(name, len(fleet.recording))
    created = await applied.of([ChildKey("Storefront", "", name)])
    return done - started, done - created


async def _kubectl(cluster: Cluster, requests: Sequence[Request], arrivals: Arrivals) -> float:
    manifests = cluster.folder / "manifests.yaml"
    manifests.write_text(_as_yaml(requests))
    started = time.monotonic()
    await cluster.kubectl("apply", "--server-side", "-f", str(manifests))
    return await arrivals.of(_keys(requests)) - started


async def _helm(cluster: Cluster, release: str, requests: Sequence[Request], arrivals: Arrivals) -> float:
    chart = cluster.folder / release
    write_chart(chart, requests)
    started = time.monotonic()
    await cluster.run(binaries()["helm"], "install", release, str(chart), "--namespace", "default")
    return await arrivals.of(_keys(requests)) - started


def write_chart(folder: Path, requests: Sequence[Request]) -> None:
    """A Helm chart that holds these objects as they are."""
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: storefront\nversion: 0.0.0\n")
    text = _as_yaml(requests).replace("{{", '{{ "{{" }}')
    (folder / "templates/all.yaml").write_text(text)


def _keys(requests: Sequence[Request]) -> list[ChildKey]:
    return [ChildKey(request.kind, request.namespace, request.name) for request in requests]


def _as_yaml(requests: Sequence[Request]) -> str:
    return yaml.dump_all((r.manifest for r in requests), Dumper=yaml.CSafeDumper, sort_keys=False)
