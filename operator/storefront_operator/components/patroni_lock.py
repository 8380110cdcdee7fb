"""Patroni's leader lock, when its holder is proven unable to come back.

Patroni itself waits until the lock has expired (20 s), since it cannot know. The proof is the Node: gone from the
cluster, or declared out of service; or the kubelet's report that the containers of the pod have ended, where the pod
starts none again. A node that is not ready, or a pod that is missing, proves nothing: the primary may run on unseen,
and take writes.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from storefront_operator.client import ApiError, Client, resource_of
from storefront_operator.client.resources import NODES, PODS
from storefront_operator.components.base import Asking
from storefront_operator.objects import ended_at, has_stopped, is_out_of_service

_LEADER = "leader"
_ATTEMPTS = 3


_RESOLUTION = datetime.timedelta(seconds=1)
"""Of the times that the kubelet tells."""


@dataclass(frozen=True)
class _Proof:
    text: str
    ended: str = ""
    """When the containers ended, where that is the proof."""


@dataclass(frozen=True)
class ReleaseLock:
    """Take the lock `name` from `member`, which ran on `node`; what Patroni's own release does.

    Source: patroni/dcs/kubernetes.py, `_delete_leader`: the annotation `leader` of the ConfigMap is removed.
    """

    namespace: str
    name: str
    member: str
    node: str

    event = "FailOverHelped"
    warning = True

    async def run(self, client: Client, ask: Asking) -> str | None:
        """Release it, if the API server itself confirms the proof and the holder."""
        proof = await self._proof(client)
        if proof is None:
            return None
        for _ in range(_ATTEMPTS):
            lock = await client.get(resource_of("ConfigMap"), self.namespace, self.name)
            annotations = lock["metadata"].get("annotations", {}) if lock else {}
            if lock is None or annotations.get(_LEADER) != self.member:
                return None
            if proof.ended and _time(annotations["renewTime"]) > _time(proof.ended) + _RESOLUTION:
                return None  # a later container of that name holds it
            version = lock["metadata"]["resourceVersion"]
            patch = {"metadata": {"resourceVersion": version, "annotations": {_LEADER: None}}}
            try:
                await client.patch(resource_of("ConfigMap"), self.namespace, self.name, patch)
            except ApiError as error:
                if error.status == 409:
                    continue  # somebody else has written it: look again
                raise
            return f"{proof.text}: the leader lock of {self.member} in {self.namespace} was released"
        return None

    async def _proof(self, client: Client) -> _Proof | None:
        """Why the member cannot run. Not from the cache: it may be old, and this must not be wrong."""
        node = await client.get(NODES, "", self.node) if self.node else None
        if self.node and node is None:
            return _Proof(f"Node {self.node} is gone")
        if node is not None and is_out_of_service(node):
            return _Proof(f"Node {self.node} is out of service")
        pod = await client.get(PODS, self.namespace, self.member)
        if pod is not None and has_stopped(pod):
            text = f"the containers of Pod {self.namespace}/{self.member} have ended for good"
            return _Proof(text, ended_at(pod))
        return None


def _time(stamp: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(stamp)
