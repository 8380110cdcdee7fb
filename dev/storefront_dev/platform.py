"""The operator on a cluster: its images there, its chart installed."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from storefront_dev.binaries import binaries, kubectl
from storefront_dev.clusters import Cluster
from storefront_dev.errors import ClusterError
from storefront_dev.folders import REPOSITORY
from storefront_dev.images import archive, builder, catalogue, open_files
from storefront_dev.progress import Progress
from storefront_dev.simulated import SimulatedCluster

NAMESPACE = "storefront-system"
RELEASE = "storefront-operator"
REGISTRY_VARIABLE = "REGISTRY"
"""Environment variable: the registry that a cluster which is not the embedded one pulls from."""


def provide_images(cluster: Cluster, progress: Progress, names: Sequence[str] = ()) -> None:
    """Build the images of these names (all of them by default) that have changed and bring them to the cluster,
    or to the registry in REGISTRY.

    The embedded cluster takes them while it is down too, and then faster. Where no pod runs, no image is needed.
    Raises ClusterError.
    """
    if not cluster.runs_pods:
        return
    outcomes = builder.build(catalogue.select(list(names)), progress)
    broken = [f"{outcome.image.name}: {outcome.error}" for outcome in outcomes if outcome.record is None]
    if broken:
        raise ClusterError("images could not be built\n" + "\n".join(broken))
    records = [outcome.record for outcome in outcomes if outcome.record is not None]
    registry = os.environ.get(REGISTRY_VARIABLE)
    if registry:
        for record in records:
            builder.push(record, registry, progress)
    else:
        cluster.load_images(open_files.archives_for(cluster, records, progress))


def install_operator(cluster: Cluster, progress: Progress) -> None:
    """Install or upgrade the operator from its chart and wait until it runs: as pods, or, where pods are
    simulated, as a process with the rights that the chart gives.

    Raises ClusterError with the end of the operator's log when it does not.
    """
    registry = os.environ.get(REGISTRY_VARIABLE) or catalogue.DEFAULT_REGISTRY
    record = archive.load("operator") if cluster.runs_pods else None
    progress("operator: installing the chart")
    helm(
        cluster,
        "upgrade",
        "--install",
        RELEASE,
        str(REPOSITORY / "charts/operator"),
        f"--namespace={NAMESPACE}",
        "--create-namespace",
        f"--set=image.registry={registry}",
        # The tag stays the same while the operator is worked on; its content does not.
        f"--set-string=podAnnotations.content-hash={record.content_hash[:16] if record else ''}",
        *([] if cluster.runs_pods else ["--set=replicas=0"]),
    )
    if isinstance(cluster, SimulatedCluster):
        cluster.run_operator(f"{NAMESPACE}:{RELEASE}", {"STOREFRONT_IMAGE_REGISTRY": registry})
        progress("operator: running, as a process of this machine")
        return
    deployment = (f"deployment/{RELEASE}", f"--namespace={NAMESPACE}")
    try:
        run(cluster, "rollout", "status", *deployment, "--timeout=120s")
    except ClusterError as error:
        log = run(cluster, "logs", *deployment, "--tail=20")
        raise ClusterError(f"{error}\nThe operator's log ends with:\n{log}") from error
    progress("operator: running")


def run(cluster: Cluster, *arguments: str, text: str | None = None) -> str:
    """Run kubectl against a cluster and return what it printed; ClusterError when it fails."""
    return _checked([str(kubectl()), f"--kubeconfig={cluster.kubeconfig}", *arguments], text)


def helm(cluster: Cluster, *arguments: str) -> str:
    """Run helm against a cluster and return what it printed; ClusterError when it fails."""
    return _checked([str(binaries()["helm"]), f"--kubeconfig={cluster.kubeconfig}", *arguments])


def storefront(cluster: Cluster, name: str) -> dict[str, Any]:
    """A Storefront as the API has it; ClusterError when it does not exist."""
    found: dict[str, Any] = json.loads(run(cluster, "get", "storefront", name, "-o", "json"))
    return found


def _checked(command: Sequence[str], text: str | None = None) -> str:
    # An ambient KUBECONFIG must not reach a program that would use it.
    environment = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=environment)
    if result.returncode != 0:
        words = [
            Path(command[0]).name,
            *(word for word in command[1:] if not word.startswith("--kubeconfig")),
        ]
        raise ClusterError(f"{' '.join(words)}\n{result.stderr.strip() or result.stdout.strip()}")
    return result.stdout
