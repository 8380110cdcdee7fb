"""A cluster that exists already, named by a context of a kubeconfig."""

import os
from collections.abc import Sequence
from pathlib import Path

from lightkube import Client, KubeConfig
from lightkube.resources.core_v1 import Node

from storefront_dev import folders, kubeconfig
from storefront_dev.clusters import Status, declared_disposable
from storefront_dev.errors import ClusterError, RefusedError


class ContextCluster:
    """Somebody's cluster: this repository uses it, and neither makes, breaks nor removes it."""

    runs_pods = True
    caveat = ""

    def __init__(self, context: str) -> None:
        self._context = context
        self.name = f"context:{context}"

    @property
    def kubeconfig(self) -> Path:
        source = Path(os.environ.get("CLUSTER_KUBECONFIG") or Path.home() / ".kube/config")
        return kubeconfig.select(
            source, self._context, folders.state() / "contexts" / f"{self._file_name()}.yaml"
        )

    @property
    def disposable(self) -> bool:
        return declared_disposable()

    def up(self) -> None:
        if not self.status().running:
            raise ClusterError(f"{self.name} has a node that is not ready; its owner has to see to that")

    def down(self) -> None:
        self._refuse_unless_disposable("taking it down")
        raise ClusterError(
            f"{self.name} was not made by this repository, so it is not taken down by it either"
        )

    def status(self) -> Status:
        nodes = {}
        with Client(config=KubeConfig.from_file(self.kubeconfig), trust_env=False) as client:
            for node in client.list(Node):
                assert node.metadata is not None
                conditions = (node.status.conditions if node.status else None) or []
                is_ready = any(each.type == "Ready" and each.status == "True" for each in conditions)
                nodes[node.metadata.name or ""] = is_ready
        lines = [f"{name}: {'ready' if ready else 'not ready'}" for name, ready in nodes.items()]
        return Status(nodes, lines)

    def cost(self) -> list[str]:
        return []

    def load_images(self, archives: Sequence[Path]) -> None:
        raise ClusterError(
            f"images cannot be loaded into {self.name}: push them to a registry that it can pull from "
            "(`make push REGISTRY=…`) and name that registry in the Storefront's spec.images"
        )

    def stop_node(self, name: str) -> None:
        self._refuse_unless_disposable(f"switching {name} off")
        raise ClusterError(f"{self.name} has no switch for its nodes")

    def start_node(self, name: str) -> None:
        raise ClusterError(f"{self.name} has no switch for its nodes")

    def cut_node(self, name: str) -> None:
        self._refuse_unless_disposable(f"cutting {name} off")
        raise ClusterError(f"{self.name} has no switch for its nodes' network")

    def heal_node(self, name: str) -> None:
        raise ClusterError(f"{self.name} has no switch for its nodes' network")

    def url(self, host: str, tls: bool = False) -> str:
        # Its load balancer and its DNS are real: hosts are where they say they are.
        return f"{'https' if tls else 'http'}://{host}"

    def _refuse_unless_disposable(self, what: str) -> None:
        if not self.disposable:
            raise RefusedError(
                f"{self.name} was not made by this repository: {what} is refused unless DISPOSABLE=yes"
            )

    def _file_name(self) -> str:
        return "".join(each if each.isalnum() or each in "-._" else "_" for each in self._context)
