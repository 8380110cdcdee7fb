"""What the API server knows of a node, and what a cloud would tell it."""

import datetime

from lightkube import ApiError, Client
from lightkube.models.core_v1 import Taint
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import Node
from lightkube.types import PatchType

_OUT_OF_SERVICE = Taint(key="node.kubernetes.io/out-of-service", value="nodeshutdown", effect="NoExecute")


def ready(client: Client, name: str, since: datetime.datetime | None = None) -> bool:
    """Whether the node is ready; with `since`, by what its kubelet said after that time.

    The status of a machine that was just switched on is still the one it had before.
    """
    try:
        status = client.get(Node, name).status
        lease = client.get(Lease, name, namespace="kube-node-lease").spec if since else None
    except ApiError:
        return False
    if since is not None and not (lease and lease.renewTime and lease.renewTime >= since):
        return False
    for condition in (status.conditions if status else None) or []:
        if condition.type == "Ready" and condition.status == "True":
            heard = condition.lastHeartbeatTime
            # Given in whole seconds, unlike the lease's time.
            return since is None or (heard is not None and heard >= since.replace(microsecond=0))
    return False


def set_out_of_service(client: Client, name: str, out: bool) -> None:
    """Say, or take back, that the node is switched off for certain: its pods may then be given up at once."""
    spec = client.get(Node, name).spec
    before = (spec.taints if spec else None) or []
    taints = [taint for taint in before if taint.key != _OUT_OF_SERVICE.key]
    if out:
        taints.append(_OUT_OF_SERVICE)
    if taints != before:
        patch = {"spec": {"taints": [{"key": t.key, "value": t.value, "effect": t.effect} for t in taints]}}
        client.patch(Node, name, patch, patch_type=PatchType.MERGE)
