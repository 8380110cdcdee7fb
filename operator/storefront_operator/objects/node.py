"""What a Node object says about what runs on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
"""Taint by which a person or a cloud's node controller declares a node shut down (Kubernetes, "Non-graceful node
shutdown handling"): nothing runs there any more, however unreachable it is.
"""


def is_out_of_service(node: Mapping[str, Any]) -> bool:
    """Whether a node is declared to be shut down."""
    return any(taint["key"] == OUT_OF_SERVICE for taint in node.get("spec", {}).get("taints", ()))
