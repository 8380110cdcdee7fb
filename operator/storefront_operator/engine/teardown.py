"""Remove what a deleted Storefront leaves behind, in order, and keep the data unless told otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from storefront_operator.client import Client
from storefront_operator.client.resources import NAMESPACES
from storefront_operator.engine.apply import Applier
from storefront_operator.engine.view import View
from storefront_operator.objects import Child, Observed
from storefront_operator.objects.labels import DESIRED_HASH, GENERATED, RETAINED

_KEPT = frozenset({"Namespace", "PersistentVolumeClaim", "Pod"})


async def tear_down(client: Client, view: View, applier: Applier, resource: Mapping[str, Any]) -> str | None:
    """One pass of the teardown: None when nothing is left, else what is being waited for.

    First everything that uses the data goes, then what runs in the data namespace; at last, with policy Delete,
    the data namespace itself. Works from labels alone, so an invalid spec can be deleted too.
    """
    name = resource["metadata"]["name"]
    delete_data = (resource.get("spec") or {}).get("deletionPolicy") == "Delete"
    observed = view.observe(name)
    data_namespace = f"{name}-data"
    outer = [child for child in observed.of_kind("Namespace") if child.key.name != data_namespace]
    if outer:
        await _delete(applier, outer)
        return _waiting_for(outer)
    data = observed.get("Namespace", "", data_namespace)
    if data is None:
        return None
    if delete_data:
        await _delete(applier, [data])
        return _waiting_for([data])
    left = [child for child in observed.children.values() if _is_removed_on_retain(child, data_namespace)]
    if left:
        await _delete(applier, left)
        return _waiting_for(left)
    pods = _live_pods(observed, data_namespace)
    if pods:
        return _waiting_for(pods)
    # Without the hash it is not as anybody applied it: adopting it again is an update, not a repair.
    annotations = {RETAINED: "true", DESIRED_HASH: None}
    await client.patch(NAMESPACES, "", data_namespace, {"metadata": {"annotations": annotations}})
    return None


async def _delete(applier: Applier, children: list[Child]) -> None:
    errors = await asyncio.gather(*(applier.delete(child) for child in children if not child.deleting))
    for error in errors:
        if error is not None:
            raise error


def _is_removed_on_retain(child: Child, data_namespace: str) -> bool:
    return (
        child.key.namespace == data_namespace
        and child.key.kind not in _KEPT
        and GENERATED not in child.labels
    )


def _live_pods(observed: Observed, namespace: str) -> list[Child]:
    """Pods that may still write to the data."""
    return [
        pod for pod in observed.of_kind("Pod", namespace) if pod.facts["phase"] not in ("Succeeded", "Failed")
    ]


def _waiting_for(children: list[Child]) -> str:
    first = min(children, key=lambda child: child.key)
    rest = f" and {len(children) - 1} more" if len(children) > 1 else ""
    return f"{first.key}{rest} is being deleted"
