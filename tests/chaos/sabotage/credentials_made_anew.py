"""Credentials are made again by each operator that starts, over what is there."""

from __future__ import annotations

from typing import Any

from storefront_operator.client import Client
from storefront_operator.engine import credentials, reconcile
from storefront_operator.objects.labels import GENERATED

from tests.chaos.sabotage.patching import replace


def disable() -> None:
    """Forget that a Secret exists until this process has made it; create by overwriting."""
    made: set[tuple[str, str]] = set()
    create = Client.create

    async def overwriting(self: Client, resource: Any, manifest: Any, manager: str = "") -> Any:
        if GENERATED not in manifest["metadata"].get("labels", {}):
            return await create(self, resource, manifest, manager)
        made.add((manifest["metadata"]["namespace"], manifest["metadata"]["name"]))
        return await self.apply(resource, manifest, manager)

    def lacks(storefront: Any, observed: Any) -> bool:
        return any((s.namespace, s.name) not in made for s in credentials.generated_secrets(storefront))

    async def ensure(client: Any, view: Any, storefront: Any, observed: Any) -> bool:
        for wanted in credentials.generated_secrets(storefront):
            if (wanted.namespace, wanted.name) not in made:
                await credentials._create(client, view, storefront, wanted)
        return True

    replace(Client, "create", overwriting)
    replace(reconcile, "lacks_credentials", lacks)
    replace(reconcile, "ensure_credentials", ensure)
