"""API server and etcd, nothing else: no controller adds work of its own to what is measured."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from storefront_dev import processes
from storefront_dev.binaries import kubectl
from storefront_dev.control_plane import ControlPlane
from storefront_dev.folders import REPOSITORY
from storefront_operator.client import CHILD_RESOURCES, Client, connect, resource_of
from storefront_operator.client.resources import STOREFRONTS
from storefront_operator.objects.labels import STOREFRONT

from bench.waiting import until


class CommandError(Exception):
    """A program that a measurement needs has failed; the message holds its output."""


class Cluster:
    """A running API server with the Storefront CRD; `folder` is removed with it."""

    def __init__(self, control_plane: ControlPlane, client: Client, folder: Path) -> None:
        self.kubeconfig = control_plane.kubeconfig
        self.client = client
        self.folder = folder

    async def run(self, program: Path, *arguments: str) -> None:
        """Run kubectl or helm against this cluster. Raises `CommandError`."""
        process = await asyncio.create_subprocess_exec(
            str(program),
            "--kubeconfig",
            str(self.kubeconfig),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"HOME": str(self.folder), "PATH": "/usr/bin:/bin"},
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise CommandError(f"{program.name} {' '.join(arguments)}: {output.decode()[-2000:]}")

    async def kubectl(self, *arguments: str) -> None:
        """Run kubectl. Raises `CommandError`."""
        await self.run(kubectl(), *arguments)

    async def serves_storefronts(self) -> bool:
        """Whether the API of the Storefronts is there."""
        url = self.client.server + STOREFRONTS.path()
        async with self.client.session.get(url, params={"limit": "1"}) as response:
            return response.status == 200

    async def _count(self, kind: str) -> int:
        """How many objects of a kind there are, whoever made them; the API server looks at each to tell."""
        url = self.client.server + resource_of(kind).path()
        async with self.client.session.get(url, params={"limit": "1"}) as response:
            page = await response.json()
        return len(page["items"]) + int(page["metadata"].get("remainingItemCount", 0))

    async def counts(self, kinds: Iterable[str]) -> Counter[str]:
        """How many objects of each kind there are."""
        return Counter({kind: await self._count(kind) for kind in kinds})

    async def children(self) -> Counter[str]:
        """How many objects of each kind belong to Storefronts, by listing them all."""
        found: Counter[str] = Counter()
        for resource in CHILD_RESOURCES:
            async for page in self.client.list_pages(resource, STOREFRONT):
                found[resource.kind] += len(page["items"])
        return found


@asynccontextmanager
async def api_only_cluster() -> AsyncIterator[Cluster]:
    """A new API server with an empty etcd; everything of it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="storefront-bench-"))
    try:
        with ControlPlane(folder) as control_plane:
            controllers = processes.running(control_plane.state_dir)["kube-controller-manager"]
            processes.kill(controllers, signals=[(signal.SIGKILL, 5)])
            client = await connect(control_plane.kubeconfig)
            try:
                cluster = Cluster(control_plane, client, folder)
                await cluster.kubectl("apply", "-f", str(REPOSITORY / "crds"))
                await until(cluster.serves_storefronts, "the CRD is established", seconds=60)
                yield cluster
            finally:
                await client.session.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
