"""`python -m storefront_dev.agent KUBECONFIG NODES`: runs until it is told to stop."""

import asyncio
import logging
import resource
import sys
from pathlib import Path

from lightkube import AsyncClient, KubeConfig

from storefront_dev.agent.load_balancer import LoadBalancer
from storefront_dev.agent.network_policies import NetworkPolicies
from storefront_dev.agent.volumes import Provisioner


async def _run(kubeconfig: Path, nodes: Path) -> None:
    client = AsyncClient(config=KubeConfig.from_file(kubeconfig), trust_env=False)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(LoadBalancer(client).run())
        tasks.create_task(Provisioner(client, nodes).run())
        tasks.create_task(NetworkPolicies(client, nodes).run())


def main() -> None:
    """Run the agent with the folder of the nodes' files, one folder a node."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # One line per request to the API server is too many.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    # Two files a connection: as many as this machine allows.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(_run(Path(sys.argv[1]), Path(sys.argv[2])))


main()
