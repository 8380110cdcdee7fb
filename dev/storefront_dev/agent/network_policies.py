"""Network policies, enforced in each node's network."""

import asyncio
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from lightkube import AsyncClient
from lightkube.resources.core_v1 import Namespace
from lightkube.resources.core_v1 import Pod as ApiPod
from lightkube.resources.networking_v1 import NetworkPolicy

from storefront_dev.agent import nftables
from storefront_dev.agent.cache import Cache
from storefront_dev.agent.isolation import Pod, isolate
from storefront_dev.agent.pod_addresses import PodAddresses
from storefront_dev.topology import NODES, Node

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0


class NetworkPolicies:
    """Writes the rules of each node anew when they change; `nodes` has a folder a node."""

    def __init__(self, client: AsyncClient, nodes: Path) -> None:
        self._dirty = asyncio.Event()
        self._pods = Cache(client, ApiPod, self._dirty.set)
        self._namespaces = Cache(client, Namespace, self._dirty.set)
        self._policies = Cache(client, NetworkPolicy, self._dirty.set)
        self._addresses = PodAddresses(NODES, nodes, self._dirty.set)
        self._written: dict[str, tuple[int, str]] = {}

    async def run(self) -> None:
        """Enforce for ever."""
        caches = (self._pods, self._namespaces, self._policies)
        async with asyncio.TaskGroup() as tasks:
            for cache in caches:
                tasks.create_task(cache.run())
            tasks.create_task(self._addresses.run())
            for cache in caches:
                await cache.ready.wait()
            while True:
                await self._dirty.wait()
                self._dirty.clear()
                await self._reconcile()

    async def _reconcile(self) -> None:
        began = time.monotonic()
        pods = list(self._connected())
        namespaces = {
            name: (each.metadata.labels if each.metadata else None) or {}
            for (_, name), each in self._namespaces.objects.items()
        }
        try:
            isolation = isolate(pods, namespaces, self._policies.objects.values())
            tables = {node: nftables.table(node, pods, isolation) for node in NODES}
        except Exception:
            # One policy that is not understood must not end the agent; the rules stay as they are.
            _LOG.exception("network policies")
            return
        async with asyncio.TaskGroup() as tasks:
            for node, text in tables.items():
                tasks.create_task(self._write(node, text, began))

    async def _write(self, node: Node, text: str, began: float) -> None:
        # A node that was switched on has begun with other rules.
        wanted = (self._addresses.boots[node.name], text)
        # One that is off has no network, and gets its rules when it is on again.
        if self._written.get(node.name) == wanted or not nftables.network(node).exists():
            return
        try:
            await nftables.write(node, text)
        except OSError as error:
            _LOG.warning("%s; trying again", error)
            self._written.pop(node.name, None)
            asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._dirty.set)
        else:
            self._written[node.name] = wanted
            _LOG.info("rules of %s written in %.0f ms", node.name, (time.monotonic() - began) * 1000)

    def _connected(self) -> Iterator[Pod]:
        """The pods that are known both to their node and to the API; those on the host's network are not."""
        for node in NODES:
            for each in self._addresses.of(node):
                pod = self._pods.objects.get((each.namespace, each.pod))
                if pod is None or pod.metadata is None or pod.metadata.uid != each.uid:
                    continue
                yield Pod(each.address, node.name, each.namespace, pod.metadata.labels or {}, _ports(pod))


def _ports(pod: ApiPod) -> dict[tuple[str, str], int]:
    """The numbers of the pod's named ports, by name and protocol."""
    if pod.spec is None:
        return {}
    sidecars = [each for each in pod.spec.initContainers or () if each.restartPolicy == "Always"]
    return {
        (port.name, port.protocol or "TCP"): port.containerPort
        for container in (*sidecars, *pod.spec.containers)
        for port in container.ports or ()
        if port.name
    }
