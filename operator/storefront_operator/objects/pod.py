"""What a Pod object proves about its containers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def has_stopped(pod: Mapping[str, Any]) -> bool:
    """Whether the kubelet reports that every container has ended, and the pod will not start one again.

    A pod that has Failed or Succeeded, or is being deleted, starts nothing any more; any other one restarts.
    """
    status = pod.get("status", {})
    containers = status.get("containerStatuses", ())
    final = "deletionTimestamp" in pod["metadata"] or status.get("phase") in ("Failed", "Succeeded")
    # Without an id it is the kubelet's guess (ContainerStatusUnknown).
    ended = [each.get("state", {}).get("terminated", {}).get("containerID") for each in containers]
    return final and bool(ended) and all(ended) and bool(ended_at(pod))


def ended_at(pod: Mapping[str, Any]) -> str:
    """When the last of the containers of a pod that has stopped ended, in RFC 3339; empty when that is not told."""
    containers = pod.get("status", {}).get("containerStatuses", ())
    return max(
        (each.get("state", {}).get("terminated", {}).get("finishedAt") or "" for each in containers),
        default="",
    )
