"""The clusters that commands and tests can use: one interface, chosen by name and never by an ambient
KUBECONFIG.
"""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from storefront_dev import preflight
from storefront_dev.errors import ClusterError, MachineError

_CONTEXT = "context:"


@dataclass(frozen=True)
class Status:
    """What a cluster says of itself: `nodes` maps names to ready or not, `lines` is for people."""

    nodes: dict[str, bool] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    @property
    def running(self) -> bool:
        """Whether every node is ready."""
        return bool(self.nodes) and all(self.nodes.values())


class Cluster(Protocol):
    """A Kubernetes cluster.

    What a kind of cluster cannot do raises ClusterError; what must not be done to somebody else's,
    RefusedError.
    """

    @property
    def name(self) -> str:
        """As `resolve` takes it."""

    @property
    def kubeconfig(self) -> Path:
        """A file whose only context is this cluster's."""

    @property
    def disposable(self) -> bool:
        """Whether it may be damaged: it was made by this repository, or DISPOSABLE=yes says so."""

    @property
    def runs_pods(self) -> bool:
        """Whether pods are more than objects of the API: their containers run and answer."""

    @property
    def caveat(self) -> str:
        """What cannot be shown here and why, in one line; empty where everything is real."""

    def up(self) -> None:
        """Return when every node is ready; does nothing to a cluster that is up."""

    def down(self) -> None:
        """Remove the cluster and leave nothing of it behind."""

    def status(self) -> Status:
        """What runs."""

    def cost(self) -> list[str]:
        """What it costs, measured over some seconds; lines for people, none where it cannot be known."""

    def load_images(self, archives: Sequence[Path]) -> None:
        """Make the images of docker or OCI archives available to pods on every node."""

    def stop_node(self, name: str) -> None:
        """Switch a node off, as by its power button."""

    def start_node(self, name: str) -> None:
        """Switch a node on again and return when it is ready."""

    def cut_node(self, name: str) -> None:
        """Cut a node off from the network while it runs on."""

    def heal_node(self, name: str) -> None:
        """Connect a node that was cut off and return when it is ready."""

    def url(self, host: str, tls: bool = False) -> str:
        """Where this machine reaches the LoadBalancer Service that claims `host`."""


def resolve(name: str | None = None) -> Cluster:
    """The cluster of this name; of the one in the environment variable CLUSTER when None.

    Names: `embedded`, `simulated`, or `context:<name>` for a context of ~/.kube/config (or of the file in
    CLUSTER_KUBECONFIG). When nothing is named it is the embedded one where this machine can carry nodes, else
    the simulated one. Raises ClusterError for another name, and MachineError when nothing is named and this is
    not Linux, which both need.
    """
    # Imported here: each kind of cluster builds on this module.
    from storefront_dev.context import ContextCluster
    from storefront_dev.embedded import EmbeddedCluster
    from storefront_dev.simulated import SimulatedCluster

    if name is None:
        name = os.environ.get("CLUSTER") or None
    if name is None:
        # kind will follow here, before simulated pods. What a machine can carry is asked before anything is
        # started; nothing is tried and then replaced by something less.
        if lacks := preflight.can_carry_nodes():
            if platform.system() != "Linux":
                raise MachineError(lacks)
            return SimulatedCluster(lacks=lacks)
        name = "embedded"
    if name == "embedded":
        return EmbeddedCluster()
    if name == "simulated":
        return SimulatedCluster()
    if name.startswith(_CONTEXT) and len(name) > len(_CONTEXT):
        return ContextCluster(name.removeprefix(_CONTEXT))
    raise ClusterError(
        f"CLUSTER is {name!r}; allowed: embedded, simulated, {_CONTEXT}<name of a kubeconfig context>"
    )


def declared_disposable() -> bool:
    """Whether the person at the keyboard gave a cluster that is not ours up for destruction."""
    return os.environ.get("DISPOSABLE") == "yes"
