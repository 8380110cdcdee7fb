"""What network policies allow each pod: from policies, labels and addresses to rules; pure.

The meaning of a policy is that of the API reference of networking.k8s.io/v1. Where it leaves a choice: pods on
the host's network are neither isolated nor selected as peers, and a port's name means nothing for an ipBlock,
which has no names to look it up in.
"""

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from lightkube.models.meta_v1 import LabelSelector
from lightkube.models.networking_v1 import IPBlock, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec
from lightkube.resources.networking_v1 import NetworkPolicy

Labels = Mapping[str, str]
Direction = Literal["Ingress", "Egress"]
Interval = tuple[int, int]
"""First and last port."""
T = TypeVar("T")


@dataclass(frozen=True)
class Pod:
    """A pod at one of its addresses. `ports` has the numbers of its named ports by name and protocol."""

    address: str
    node: str
    namespace: str
    labels: Labels = field(default_factory=dict)
    ports: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """Connections that are allowed.

    `peers` are addresses and networks, or None for everybody; `protocol` None is any; no `ports` are all of
    them.
    """

    peers: tuple[str, ...] | None = None
    protocol: str | None = None
    ports: tuple[Interval, ...] = ()


Rules = tuple[Rule, ...]


@dataclass(frozen=True)
class Isolation:
    """What each isolated pod is allowed, by its address; a pod that is missing is allowed everything."""

    ingress: Mapping[str, Rules] = field(default_factory=dict)
    egress: Mapping[str, Rules] = field(default_factory=dict)


def isolate(
    pods: Sequence[Pod], namespaces: Mapping[str, Labels], policies: Iterable[NetworkPolicy]
) -> Isolation:
    """The isolation of every pod; `namespaces` has the labels of each namespace."""
    pods = sorted(pods, key=lambda pod: ipaddress.IPv4Address(pod.address))
    found: dict[Direction, dict[str, Rules]] = {"Ingress": {}, "Egress": {}}
    for policy in sorted(policies, key=_identity):
        spec, (namespace, _) = policy.spec or NetworkPolicySpec(), _identity(policy)
        subjects = [
            pod for pod in pods if pod.namespace == namespace and matches(spec.podSelector, pod.labels)
        ]
        if not subjects:
            continue
        selection = _Selection(namespace, pods, namespaces)
        for direction in _directions(spec):
            rules = found[direction]
            # Named ports aside, a policy means the same for all its pods.
            of_pod = _once(lambda pod: frozenset(pod.ports.items()), _compiler(direction, spec, selection))
            for pod in subjects:
                # Policies add up: what one of them allows is allowed.
                rules[pod.address] = tuple(dict.fromkeys((*rules.get(pod.address, ()), *of_pod(pod))))
    return Isolation(found["Ingress"], found["Egress"])


def matches(selector: LabelSelector | None, labels: Labels) -> bool:
    """Whether a selector selects these labels; one that says nothing selects everything."""
    if selector is None:
        return True
    for key, value in (selector.matchLabels or {}).items():
        if labels.get(key) != value:
            return False
    for requirement in selector.matchExpressions or ():
        key, values = requirement.key, requirement.values or []
        holds = {
            "In": key in labels and labels[key] in values,
            "NotIn": key not in labels or labels[key] not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }
        if not holds[requirement.operator]:
            return False
    return True


@dataclass(frozen=True)
class _Selection:
    """The pods that peers of a policy select."""

    namespace: str
    pods: Sequence[Pod]
    namespaces: Mapping[str, Labels]

    def of(self, peer: NetworkPolicyPeer) -> list[Pod]:
        if peer.ipBlock is not None:
            return []
        return [
            pod
            for pod in self.pods
            if self._in_scope(peer, pod.namespace) and matches(peer.podSelector, pod.labels)
        ]

    def _in_scope(self, peer: NetworkPolicyPeer, namespace: str) -> bool:
        if peer.namespaceSelector is None:
            return namespace == self.namespace
        return matches(peer.namespaceSelector, self.namespaces.get(namespace, {}))


def _compiler(direction: Direction, spec: NetworkPolicySpec, selection: _Selection) -> Callable[[Pod], Rules]:
    """What the policy allows a pod that it selects."""
    if direction == "Ingress":
        incoming = [(_sources(each.from_, selection), each.ports) for each in spec.ingress or ()]
        return lambda pod: tuple(
            rule for peers, ports in incoming if peers != () for rule in _rules(peers, _resolve(ports, pod))
        )
    outgoing: list[Rule] = []
    for each in spec.egress or ():
        peers = _sources(each.to, selection)
        if peers != ():
            outgoing += _rules(peers, _resolve(each.ports, None))
        named = [pod for peer in each.to or () for pod in selection.of(peer)] if each.to else selection.pods
        outgoing += _to_named_ports(named, each.ports or ())
    return lambda _: tuple(outgoing)


def _sources(peers: Sequence[NetworkPolicyPeer] | None, selection: _Selection) -> tuple[str, ...] | None:
    """The addresses and networks of peers, none within another; None for everybody."""
    if not peers:
        return None
    blocks = list(
        ipaddress.collapse_addresses(
            network for peer in peers if peer.ipBlock for network in _networks(peer.ipBlock)
        )
    )
    if any(block.prefixlen == 0 for block in blocks):
        return None
    selected = dict.fromkeys(pod.address for peer in peers for pod in selection.of(peer))
    single = [each for each in selected if not any(ipaddress.IPv4Address(each) in block for block in blocks)]
    return (*single, *(_shortest(block) for block in blocks))


def _networks(block: IPBlock) -> list[ipaddress.IPv4Network]:
    """The networks that a block leaves over; the cluster has no IPv6."""
    whole = ipaddress.ip_network(block.cidr, strict=False)
    if not isinstance(whole, ipaddress.IPv4Network):
        return []
    left = [whole]
    for text in block.except_ or ():
        hole = ipaddress.ip_network(text, strict=False)
        if not isinstance(hole, ipaddress.IPv4Network):
            continue
        kept = [each for each in left if not each.overlaps(hole)]
        # Of two networks that overlap, one holds the other.
        for each in left:
            if each != hole and hole.subnet_of(each):
                kept += each.address_exclude(hole)
        left = kept
    return left


def _shortest(network: ipaddress.IPv4Network) -> str:
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)


Resolved = dict[str | None, list[Interval]]
"""Intervals of ports by protocol; an empty list stands for all ports, the protocol None for all protocols."""


def _resolve(ports: Sequence[NetworkPolicyPort] | None, named_by: Pod | None) -> Resolved:
    """Ports as numbers; those whose name `named_by` does not have are left out."""
    if not ports:
        return {None: []}
    resolved: Resolved = {}
    whole: set[str] = set()
    for each in ports:
        protocol = each.protocol or "TCP"
        if each.port is None:
            whole.add(protocol)
        elif isinstance(each.port, int):
            resolved.setdefault(protocol, []).append((each.port, each.endPort or each.port))
        elif named_by is not None and (each.port, protocol) in named_by.ports:
            number = named_by.ports[each.port, protocol]
            resolved.setdefault(protocol, []).append((number, number))
    return resolved | {protocol: [] for protocol in whole}


def _rules(peers: tuple[str, ...] | None, ports: Resolved) -> list[Rule]:
    return [Rule(peers, protocol, _merged(ports[protocol])) for protocol in sorted(ports, key=str)]


def _to_named_ports(peers: Iterable[Pod], ports: Iterable[NetworkPolicyPort]) -> list[Rule]:
    """Rules for the ports that the peers call by these names: they may have different numbers."""
    names = {(each.port, each.protocol or "TCP") for each in ports if isinstance(each.port, str)}
    at: dict[tuple[str, int], list[str]] = {}
    for pod in peers:
        for name, protocol in names:
            if (name, protocol) in pod.ports:
                at.setdefault((protocol, pod.ports[name, protocol]), []).append(pod.address)
    return [
        Rule(tuple(dict.fromkeys(addresses)), protocol, ((number, number),))
        for (protocol, number), addresses in sorted(at.items())
    ]


def _merged(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same ports in intervals that neither overlap nor touch."""
    merged: list[Interval] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def _directions(spec: NetworkPolicySpec) -> list[Direction]:
    if spec.policyTypes:
        return [each for each in ("Ingress", "Egress") if each in spec.policyTypes]
    return ["Ingress", "Egress"] if spec.egress else ["Ingress"]


def _once(key: Callable[[Pod], object], compute: Callable[[Pod], T]) -> Callable[[Pod], T]:
    """`compute`, but only once for pods with the same key."""
    known: dict[object, T] = {}

    def remembered(pod: Pod) -> T:
        if key(pod) not in known:
            known[key(pod)] = compute(pod)
        return known[key(pod)]

    return remembered


def _identity(policy: NetworkPolicy) -> tuple[str, str]:
    metadata = policy.metadata
    assert metadata is not None
    return metadata.namespace or "", metadata.name or ""
