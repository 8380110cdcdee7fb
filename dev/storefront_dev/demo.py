"""`storefront-dev demo`: a real Storefront on a real cluster."""

import argparse
import time
from typing import Any

import yaml

from storefront_dev import platform, waiting
from storefront_dev.clusters import Cluster, resolve
from storefront_dev.errors import ClusterError
from storefront_dev.folders import REPOSITORY
from storefront_dev.images.errors import ImageError
from storefront_dev.progress import Progress
from storefront_dev.standins import running as standins
from storefront_dev.standins.manifests import STANDINS

EXAMPLE = REPOSITORY / "examples/quickstart.yaml"

_PATIENCE = 600.0  # seconds from apply to Ready


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `demo`."""
    parser = subparsers.add_parser("demo", help="bring up a cluster with a shop and print its address")
    parser.set_defaults(run=_run)


def _run(_: argparse.Namespace) -> int:
    progress = Progress()
    cluster = resolve()
    try:
        platform.provide_images(cluster, progress)
    except ImageError as error:
        raise ClusterError(str(error)) from error
    cluster.up()
    platform.install_operator(cluster, progress)
    example = yaml.safe_load(EXAMPLE.read_text())
    name = example["metadata"]["name"]
    progress(
        f"storefront {name}: applying {EXAMPLE.relative_to(REPOSITORY)}, with stand-ins for external systems"
    )
    apply(cluster, example, progress)
    wait_ready(cluster, name, progress)
    domain = example["spec"]["domain"]
    print(_ready_table(cluster, name))
    print()
    if cluster.runs_pods:
        print(f"  The shop:    {cluster.url(domain)}   {cluster.url(domain, tls=True)} (self-signed)")
        for standin in STANDINS:
            print(f"  {f'{standin.name.capitalize()}:':<12} {standins.public_url(cluster, standin.name)}")
        print(
            "  Buy:         storefront-dev shop buy; storefront-dev shop orders 50; storefront-dev shop reconcile"
        )
    print(f"  kubectl:     export KUBECONFIG={cluster.kubeconfig}")
    print("  Try:         kubectl get storefront -o wide; kubectl describe storefront " + name)
    print("  Take down:   make cluster-down" + ("" if cluster.runs_pods else f" CLUSTER={cluster.name}"))
    if cluster.caveat:
        print(f"\n{cluster.caveat}")
    return 0


def apply(cluster: Cluster, storefront: dict[str, Any], progress: Progress) -> None:
    """Apply a Storefront that uses the stand-ins for all external systems; where no pod runs, there are none.

    Raises ClusterError.
    """
    if not cluster.runs_pods:
        platform.run(cluster, "apply", "-f", "-", text=yaml.safe_dump(storefront))
        return
    standins.up(cluster, progress)
    external = {"external": standins.external_systems(cluster)}
    connected = {**storefront, "spec": {**storefront["spec"], **external}}
    platform.run(cluster, "apply", "-f", "-", text=yaml.safe_dump(connected))
    name = storefront["metadata"]["name"]
    there = ("get", "service", "ingress", f"--namespace={name}-edge", "--ignore-not-found", "-o", "name")
    # It is written after the namespaces, and both are needed.
    waiting.until(lambda: bool(platform.run(cluster, *there).strip()), "the operator has begun", seconds=60)
    standins.connect(cluster, name)


def wait_ready(cluster: Cluster, name: str, progress: Progress, patience: float = _PATIENCE) -> None:
    """Return when a Storefront is Ready; tell about every component that changes its mind.

    Raises ClusterError with its conditions when it does not become ready.
    """
    deadline = time.monotonic() + patience
    told: dict[str, tuple[str, str]] = {}
    while True:
        resource = platform.storefront(cluster, name)
        conditions = _conditions(resource)
        for kind, condition in conditions.items():
            state = (condition["status"], condition["message"])
            if kind.endswith("Ready") and kind != "Ready" and told.get(kind) != state:
                told[kind] = state
                mark = "ok" if condition["status"] == "True" else ".."
                progress(f"{mark} {kind.removesuffix('Ready')}: {condition['message']}")
        ready = conditions.get("Ready", {})
        if (
            ready.get("status") == "True"
            and ready["observedGeneration"] == resource["metadata"]["generation"]
        ):
            return
        if time.monotonic() > deadline:
            raise ClusterError(f"Storefront {name} is not ready after {patience:.0f} s\n{_table(conditions)}")
        time.sleep(1)


def _conditions(resource: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {c["type"]: c for c in (resource.get("status") or {}).get("conditions") or ()}


def _table(conditions: dict[str, dict[str, Any]]) -> str:
    return "\n".join(
        f"  {c['type']:<18} {c['status']:<8} {c['reason']:<16} {c['message']}" for c in conditions.values()
    )


def _ready_table(cluster: Cluster, name: str) -> str:
    listing = platform.run(cluster, "get", "storefront", name).strip()
    return f"\n{listing}\n\n{_table(_conditions(platform.storefront(cluster, name)))}"
