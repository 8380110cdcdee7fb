"""Tell Patroni of a setting that must be the same on all members, before a rolling change restarts them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from storefront_operator.client import ApiError, Client, resource_of
from storefront_operator.components.base import Action, Asking


@dataclass(frozen=True)
class RaiseConnections:
    """Let PostgreSQL allow at least `connections` from its next start on; then take the step `then`.

    The members' file matters to such settings only while a cluster is made; afterwards they are in the annotation
    `config` of the ConfigMap `<scope>-config` (patroni/dcs/kubernetes.py). Patroni never lets a replica allow fewer
    than its primary does, so the number only grows: to shrink it, a primary would have to restart before its replicas.
    """

    namespace: str
    scope: str
    connections: int
    then: Action

    @property
    def event(self) -> str:
        """That of the step."""
        return self.then.event

    @property
    def warning(self) -> bool:
        """That of the step."""
        return self.then.warning

    @property
    def _name(self) -> str:
        return f"{self.scope}-config"

    async def run(self, client: Client, ask: Asking) -> str | None:
        """Raise the number if it is too small, and take the step when it is not."""
        config_map = await client.get(resource_of("ConfigMap"), self.namespace, self._name)
        if config_map is not None and await self._raise(client, config_map):
            return None
        return await self.then.run(client, ask)

    async def _raise(self, client: Client, config_map: dict[str, Any]) -> bool:
        metadata = config_map["metadata"]
        try:
            config = json.loads(metadata.get("annotations", {})["config"])
            allowed = int(config["postgresql"]["parameters"]["max_connections"])
        except (KeyError, TypeError, ValueError):
            return False  # not Patroni's, or not yet: it is not for us to mend
        if allowed >= self.connections:
            return False
        config["postgresql"]["parameters"]["max_connections"] = str(self.connections)
        annotations = {"config": json.dumps(config, separators=(",", ":"))}
        patch = {"metadata": {"resourceVersion": metadata["resourceVersion"], "annotations": annotations}}
        try:
            await client.patch(resource_of("ConfigMap"), self.namespace, self._name, patch)
        except ApiError as error:
            if error.status != 409:
                raise
        return True
