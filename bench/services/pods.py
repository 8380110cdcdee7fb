"""What pods use, asked of the kernel inside of them: it works the same on every cluster and needs no metrics server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from storefront_dev import platform
from storefront_dev.clusters import Cluster

_TICKS_PER_SECOND = 100
"""The kernel tells user space its times in hundredths on every architecture (USER_HZ)."""

# The container's process is number 1 there. The reader is a process of its own and counts for nothing.
_READ = """
cat /proc/1/stat
grep ^Pss: /proc/1/smaps_rollup
cd /sys/fs/cgroup
if [ -f memory.current ]
then cat memory.current; grep ^inactive_file memory.stat
else cat memory/memory.usage_in_bytes; grep ^total_inactive_file memory/memory.stat
fi
"""


@dataclass(frozen=True)
class Pod:
    """A running pod; `component` is what the operator calls it."""

    namespace: str
    name: str
    component: str
    address: str


@dataclass(frozen=True)
class Usage:
    """What a pod's process has used until now, and what it uses now. Memory is in bytes."""

    processor_seconds: float
    proportional_set: int
    working_set: int
    """As `kubectl top pod` shows it: the container's memory without files that were not used lately."""


def find(cluster: Cluster, namespace: str, selector: str) -> list[Pod]:
    """The running pods that a label selector names."""
    listing = platform.run(
        cluster, "get", "pods", f"--namespace={namespace}", f"--selector={selector}", "-o", "json"
    )
    return [
        Pod(
            namespace,
            each["metadata"]["name"],
            each["metadata"]["labels"]["app.kubernetes.io/name"],
            each["status"]["podIP"],
        )
        for each in json.loads(listing)["items"]
        if each["status"].get("phase") == "Running" and "deletionTimestamp" not in each["metadata"]
    ]


def run_in(cluster: Cluster, pod: Pod, *command: str, text: str = "") -> str:
    """What a command in a pod prints, given `text` as its input. Raises ClusterError when it fails."""
    where = ("exec", "-i", f"--namespace={pod.namespace}", pod.name)
    return platform.run(cluster, *where, "--", *command, text=text)


def usage(cluster: Cluster, pod: Pod) -> Usage:
    """What a pod of one process uses."""
    return parse(run_in(cluster, pod, "sh", "-c", _READ))


def processor_seconds(cluster: Cluster, pods: Sequence[Pod]) -> float:
    """The processor time that pods have used until now, together."""
    return sum(usage(cluster, pod).processor_seconds for pod in pods)


def parse(text: str) -> Usage:
    """The usage that the lines of `_READ` tell."""
    stat, proportional, used, inactive = text.strip().splitlines()
    # The name, in parentheses, may hold anything.
    fields = stat.rpartition(")")[2].split()
    return Usage(
        processor_seconds=(int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND,
        proportional_set=1024 * int(proportional.split()[1]),
        working_set=max(0, int(used) - int(inactive.split()[1])),
    )


def template_of(cluster: Cluster, namespace: str, deployment: str) -> dict[str, Any]:
    """The pod template of a Deployment as it runs."""
    found = platform.run(cluster, "get", "deployment", deployment, f"--namespace={namespace}", "-o", "json")
    template: dict[str, Any] = json.loads(found)["spec"]["template"]
    return template
