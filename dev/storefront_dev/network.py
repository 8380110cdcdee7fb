"""The cables of the embedded cluster: one bridge on the host, one network namespace per node."""

import ipaddress
import json
import subprocess
from pathlib import Path

from storefront_dev.errors import ClusterError
from storefront_dev.topology import (
    BRIDGE,
    HOST_ADDRESS,
    LOAD_BALANCER_NETWORK,
    NODE_NETWORK,
    NODES,
    POD_NETWORK,
    Node,
)

_NAMESPACES = Path("/run/netns")
_UP = 0x1
"""IFF_UP of linux/if.h."""


def create() -> None:
    """Make what is missing; what is there and right stays."""
    if not _interface(BRIDGE):
        _ip(f"link add {BRIDGE} type bridge")
    _ip(f"addr replace {HOST_ADDRESS}/{NODE_NETWORK.prefixlen} dev {BRIDGE}")
    _ip(f"link set {BRIDGE} up")
    for node in NODES:
        connect(node)


def remove() -> None:
    """Remove the bridge, the cables and the namespaces; routes and addresses vanish with them."""
    for node in NODES:
        disconnect(node)
    if _interface(BRIDGE):
        _ip(f"link delete {BRIDGE}")


def disconnect(node: Node) -> None:
    """Pull the node's cable and forget its network: packets to it are lost, as those to a machine without
    power.
    """
    # Before the namespace: the kernel removes a namespace, and the cable's other end with it, only some
    # time later.
    if _interface(node.interface):
        _ip(f"link delete {node.interface}")
    if (_NAMESPACES / node.network_namespace).exists():
        _ip(f"netns delete {node.network_namespace}")


def connect(node: Node) -> None:
    """Give the node its network; what is there and right stays."""
    inside = f"-n {node.network_namespace}"
    if not (_NAMESPACES / node.network_namespace).exists():
        _ip(f"netns add {node.network_namespace}")
    if not _interface(node.interface):
        _ip(f"link add {node.interface} type veth peer name eth0 netns {node.network_namespace}")
    _ip(f"link set {node.interface} master {BRIDGE} up")
    _ip(f"{inside} addr replace {node.address}/{NODE_NETWORK.prefixlen} dev eth0")
    _ip(f"{inside} link set eth0 up")
    _ip(f"{inside} link set lo up")
    _ip(f"{inside} route replace default via {HOST_ADDRESS}")
    _ip(f"route replace {node.pod_network} via {node.address} dev {BRIDGE}")
    for other in NODES:
        if other != node:
            _ip(f"{inside} route replace {other.pod_network} via {other.address}")


def cut(node: Node) -> None:
    """Unplug the node's cable from the switch: the machine runs on, and nothing gets in or out."""
    _ip(f"link set {node.interface} down")


def is_cut(node: Node) -> bool:
    """Whether the node has a cable and it is unplugged."""
    flags = Path(f"/sys/class/net/{node.interface}/flags")
    return flags.exists() and not int(flags.read_text(), 16) & _UP


def leftovers() -> list[str]:
    """What of this network is on the machine, one line each; empty after `remove`."""
    interfaces = [BRIDGE, *(node.interface for node in NODES)]
    found = [f"interface {name}" for name in interfaces if _interface(name)]
    found += [
        f"network namespace {node.network_namespace}"
        for node in NODES
        if (_NAMESPACES / node.network_namespace).exists()
    ]
    routes = json.loads(_ip("-json route show")) + json.loads(_ip("-json route show table local"))
    found += [f"route {route['dst']}" for route in routes if route.get("dev") in interfaces]
    return found


def conflicts() -> list[str]:
    """Routes of this machine, other than the cluster's own, that lead into the cluster's networks."""
    lines = []
    for route in json.loads(_ip("-json -4 route show")):
        if route["dst"] == "default" or route.get("dev") == BRIDGE:
            continue
        destination = ipaddress.ip_network(route["dst"], strict=False)
        lines += [
            f"network {ours} is taken: route {route['dst']} dev {route.get('dev', '?')}"
            for ours in (NODE_NETWORK, LOAD_BALANCER_NETWORK, POD_NETWORK)
            if destination.overlaps(ours)
        ]
    return lines


def _interface(name: str) -> bool:
    return Path(f"/sys/class/net/{name}").exists()


def _ip(arguments: str) -> str:
    result = subprocess.run(["ip", *arguments.split()], capture_output=True, text=True, check=False)
    if result.returncode:
        raise ClusterError(f"`ip {arguments}` failed: {result.stderr.strip()}")
    return result.stdout
