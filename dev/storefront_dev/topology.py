"""The nodes of the embedded cluster and their addresses: decided once, pure data."""

import ipaddress
from dataclasses import dataclass

from storefront_dev.errors import ClusterError

BRIDGE = "storefront0"
HOST_ADDRESS = "10.200.0.1"
"""The host's address on the bridge; the API server listens there."""
API_PORT = 6443
HTTP_PORT = 8080
HTTPS_PORT = 8443
"""Where this machine reaches LoadBalancer Services, on its loopback addresses."""
NODE_NETWORK = ipaddress.ip_network("10.200.0.0/24")
LOAD_BALANCER_NETWORK = ipaddress.ip_network("10.200.1.0/24")
POD_NETWORK = ipaddress.ip_network("10.244.0.0/16")
DNS_ADDRESS = "10.96.0.10"
DOMAIN = "cluster.local"


@dataclass(frozen=True)
class Node:
    """One node; everything about it follows from its number, which begins at 1."""

    number: int

    @property
    def name(self) -> str:
        return f"node{self.number}"

    @property
    def zone(self) -> str:
        return "abc"[self.number - 1]

    @property
    def address(self) -> str:
        return f"10.200.0.{10 + self.number}"

    @property
    def pod_network(self) -> str:
        return f"10.244.{self.number}.0/24"

    @property
    def network_namespace(self) -> str:
        return f"storefront-{self.name}"

    @property
    def interface(self) -> str:
        """The host's end of the node's cable; names of interfaces have at most 15 characters."""
        return f"sf-{self.name}"

    @property
    def cgroup(self) -> str:
        return f"storefront-{self.name}"


NODES = (Node(1), Node(2), Node(3))


def node(name: str) -> Node:
    """The node of this name. Raises ClusterError naming those there are."""
    for each in NODES:
        if each.name == name:
            return each
    raise ClusterError(f"no node {name!r}; nodes: {', '.join(each.name for each in NODES)}")
