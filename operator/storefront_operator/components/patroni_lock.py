"""Patroni's leader lock, when its holder is proven unable to come back.

Patroni itself waits until the lock has expired (20 s), since it cannot know. The proof is the Node: gone from the
cluster, or declared out of service. A node that is not ready, or a pod that is missing, proves nothing: the primary may
run on unseen, and take writes.
"""

from __future__ import annotations

from dataclasses import dataclass

from storefront_operator.client import ApiError, Client, resource_of
from storefront_operator.client.resources import NODES
from storefront_operator.objects import is_out_of_service

_LEADER = "leader"
_ATTEMPTS = 3


@dataclass(frozen=True)
class ReleaseLock:
    """Take the lock `name` from `member`, which ran on `node`; what Patroni's own release does.

    Source: patroni/dcs/kubernetes.py, `_delete_leader`: the annotation `leader` of the ConfigMap is removed.
    """

    namespace: str
    name: str
    member: str
    node: str

    async def run(self, client: Client) -> str | None:
        """Release it, if the API server itself confirms the proof and the holder."""
        # Not from the cache: it may be old, and this must not be wrong.
        live = await client.get(NODES, "", self.node)
        if live is not None and not is_out_of_service(live):
            return None
        for _ in range(_ATTEMPTS):
            lock = await client.get(resource_of("ConfigMap"), self.namespace, self.name)
            if lock is None or lock["metadata"].get("annotations", {}).get(_LEADER) != self.member:
                return None
            version = lock["metadata"]["resourceVersion"]
            patch = {"metadata": {"resourceVersion": version, "annotations": {_LEADER: None}}}
            try:
                await client.patch(resource_of("ConfigMap"), self.namespace, self.name, patch)
            except ApiError as error:
                if error.status == 409:
                    continue  # somebody else has written it: look again
                raise
            gone = "is gone" if live is None else "is out of service"
            return (
                f"Node {self.node} {gone}: the leader lock of {self.member} in {self.namespace} was released"
            )
        return None
