"""Hand the role of PostgreSQL's primary over before the old one is replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storefront_operator.client import ApiError, Client, resource_of
from storefront_operator.components.base import Asking
from storefront_operator.components.rolling import ReplaceMember
from storefront_operator.objects import Child
from storefront_operator.objects.labels import FIELD_MANAGER


@dataclass(frozen=True)
class Switchover:
    """Ask Patroni, through its ConfigMaps, to let one of `candidates` take over from `primary`.

    Patroni's primary reads the request within its loop (5 s), stops in order so that nothing is lost, and the candidate
    takes over. A request that cannot be met is dropped by Patroni, and made again by a later pass.
    Source: patroni/dcs/kubernetes.py, `manual_failover` and `_load_cluster`: annotations `leader` and `member` of the
    ConfigMap `<scope>-failover`; the synchronous standbys are the annotation `sync_standby` of `<scope>-sync`.
    """

    namespace: str
    scope: str
    primary: Child
    candidates: Sequence[str]

    event = "SwitchedOver"
    warning = False

    async def run(self, client: Client, ask: Asking) -> str | None:
        """Write the request if the leader still leads, a candidate is synchronous, and none is under way."""
        lock = await self._read(client, "leader")
        sync = _annotations(await self._read(client, "sync"))
        request = await self._read(client, "failover")
        leader = self.primary.key.name
        if lock is None:
            # Nobody has ever led, as where pods are simulated: there is nothing to hand over.
            return await ReplaceMember(self.primary).run(client, ask)
        if _annotations(lock).get("leader") != leader or _annotations(request).get("leader"):
            return None
        synchronous = sync.get("sync_standby", "").split(",")
        candidate = next((name for name in self.candidates if name in synchronous), None)
        if candidate is None:
            return None
        annotations = {"leader": leader, "member": candidate}
        try:
            await self._write(client, request, annotations, lock["metadata"].get("labels", {}))
        except ApiError as error:
            if error.status == 409:
                return None  # Patroni was faster
            raise
        return f"PostgreSQL in {self.namespace}: {candidate} takes over from {leader}, whose template has changed"

    async def _read(self, client: Client, key: str) -> dict[str, Any] | None:
        return await client.get(resource_of("ConfigMap"), self.namespace, f"{self.scope}-{key}")

    async def _write(
        self,
        client: Client,
        request: Mapping[str, Any] | None,
        annotations: Mapping[str, str],
        labels: Mapping[str, str],
    ) -> None:
        name = f"{self.scope}-failover"
        if request is None:
            # Patroni finds its ConfigMaps by labels.
            metadata = {
                "name": name,
                "namespace": self.namespace,
                "labels": labels,
                "annotations": annotations,
            }
            manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
            await client.create(resource_of("ConfigMap"), manifest, FIELD_MANAGER)
            return
        version = request["metadata"]["resourceVersion"]
        patch = {"metadata": {"resourceVersion": version, "annotations": dict(annotations)}}
        await client.patch(resource_of("ConfigMap"), self.namespace, name, patch)


def _annotations(config_map: Mapping[str, Any] | None) -> Mapping[str, str]:
    return (config_map or {}).get("metadata", {}).get("annotations") or {}
