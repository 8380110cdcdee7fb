"""The API reference of networking.k8s.io/v1, read word by word and for one packet: what is allowed, and no more.

Slow and simple, to compare with. A policy is its spec as plain data, with `namespace` beside the other fields.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storefront_dev.agent.isolation import Pod


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection, after the translation of Services' addresses."""

    source: str
    target: str
    protocol: str
    port: int


def allowed(
    packet: Packet,
    pods: Sequence[Pod],
    namespaces: Mapping[str, Mapping[str, str]],
    policies: Sequence[Mapping[str, Any]],
) -> bool:
    """Whether a pod's packet may leave it, and may enter the pod that it is for."""
    if packet.source == packet.target:
        return True
    by_address = {pod.address: pod for pod in pods}
    source, target = by_address.get(packet.source), by_address.get(packet.target)
    return judged("Egress", source, target, packet, namespaces, policies) and judged(
        "Ingress", target, source, packet, namespaces, policies
    )


def judged(
    direction: str,
    subject: Pod | None,
    peer: Pod | None,
    packet: Packet,
    namespaces: Mapping[str, Mapping[str, str]],
    policies: Sequence[Mapping[str, Any]],
) -> bool:
    if subject is None:
        return True
    section, peers = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    applying = [
        each
        for each in policies
        if each["namespace"] == subject.namespace
        and selects(each["podSelector"], subject.labels)
        and direction
        in (each.get("policyTypes") or (["Ingress", "Egress"] if each.get("egress") else ["Ingress"]))
    ]
    if not applying:
        return True
    other = packet.target if direction == "Egress" else packet.source
    named = peer if direction == "Egress" else subject
    for each in applying:
        for rule in each.get(section) or []:
            for port in rule.get("ports") or [None]:
                if not port_matches(port, named, packet):
                    continue
                by_name = direction == "Egress" and port is not None and isinstance(port.get("port"), str)
                if not rule.get(peers) or any(
                    peer_matches(candidate, each["namespace"], peer, other, namespaces)
                    and not (by_name and "ipBlock" in candidate)
                    for candidate in rule[peers]
                ):
                    return True
    return False


def port_matches(port: Mapping[str, Any] | None, named_by: Pod | None, packet: Packet) -> bool:
    if port is None:
        return True
    protocol = port.get("protocol", "TCP")
    if packet.protocol != protocol:
        return False
    if "port" not in port:
        return True
    if isinstance(port["port"], str):
        return named_by is not None and named_by.ports.get((port["port"], protocol)) == packet.port
    return bool(port["port"] <= packet.port <= port.get("endPort", port["port"]))


def peer_matches(
    candidate: Mapping[str, Any],
    namespace: str,
    peer: Pod | None,
    address: str,
    namespaces: Mapping[str, Mapping[str, str]],
) -> bool:
    if "ipBlock" in candidate:
        block, ip = candidate["ipBlock"], ipaddress.ip_address(address)
        return ip in ipaddress.ip_network(block["cidr"]) and not any(
            ip in ipaddress.ip_network(hole) for hole in block.get("except", [])
        )
    if peer is None:
        return False
    if "namespaceSelector" in candidate:
        if not selects(candidate["namespaceSelector"], namespaces[peer.namespace]):
            return False
    elif peer.namespace != namespace:
        return False
    return selects(candidate.get("podSelector", {}), peer.labels)


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for each in selector.get("matchExpressions", []):
        value = labels.get(each["key"])
        match each["operator"]:
            case "In":
                holds = value in each["values"]
            case "NotIn":
                holds = value not in each["values"]
            case "Exists":
                holds = value is not None
            case _:
                holds = value is None
        if not holds:
            return False
    return True
