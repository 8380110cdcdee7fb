"""Objects are deleted by name, whoever has the name now."""

from __future__ import annotations

from typing import Any

from storefront_operator.client import ApiError, Client

from tests.chaos.sabotage.patching import replace


def disable() -> None:
    """Leave out the preconditions of a deletion."""

    async def delete(
        self: Any, resource: Any, namespace: str, name: str, *, uid: str, resource_version: str = ""
    ) -> None:
        try:
            body = {"propagationPolicy": "Background"}
            await self._request("DELETE", resource.path(namespace, name), body=body)
        except ApiError as error:
            if error.status != 404:
                raise

    replace(Client, "delete", delete)
