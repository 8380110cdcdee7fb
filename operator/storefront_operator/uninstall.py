"""Leave the cluster: without an operator nobody would take the finalizer off a Storefront that is deleted."""

from __future__ import annotations

import asyncio
import secrets
import socket
from pathlib import Path

import structlog

from storefront_operator.client import connect
from storefront_operator.client.resources import STOREFRONTS
from storefront_operator.leadership import Leadership, LeaseName
from storefront_operator.objects.labels import FINALIZER

log = structlog.get_logger()

_PATIENCE = 120.0  # seconds for the operator that still runs to let go of the lease


async def release_finalizers(kubeconfig: Path | None, context: str | None, lease: LeaseName | None) -> None:
    """Take the operator's finalizer off every Storefront; what they run goes on.

    With a lease, wait first until no operator holds it, for a running one would put the finalizer back.
    Raises `LoginError`, `ApiError`, `ApiUnavailableError`, and `TimeoutError` when an operator goes on working.
    """
    client = await connect(kubeconfig, context)
    try:
        leadership = (
            Leadership(client, lease, f"{socket.gethostname()}_{secrets.token_hex(4)}") if lease else None
        )
        if leadership:
            async with asyncio.timeout(_PATIENCE):
                await leadership.acquire()
        async for page in client.list_pages(STOREFRONTS, ""):
            for resource in page["items"]:
                metadata = resource["metadata"]
                left = [name for name in metadata.get("finalizers", ()) if name != FINALIZER]
                if left == metadata.get("finalizers", []):
                    continue
                patch = {"metadata": {"finalizers": left, "resourceVersion": metadata["resourceVersion"]}}
                await client.patch(STOREFRONTS, "", metadata["name"], patch)
                log.info("finalizer released", storefront=metadata["name"])
        if leadership:
            await leadership.release()
    finally:
        await client.session.close()
