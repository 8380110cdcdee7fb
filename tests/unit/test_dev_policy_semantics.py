"""The rules for nft let pass what the API reference allows: random policies, every packet judged twice."""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from storefront_dev.agent import nftables
from storefront_dev.agent.isolation import Isolation, Pod, isolate
from storefront_dev.topology import NODES

from tests.unit.policy_reference import Packet, allowed
from tests.unit.test_dev_network_policies import NAMESPACES, PODS, parse, policy


def allowed_by_text(packet: Packet, tables: Mapping[str, Mapping[str, list[str]]]) -> bool:
    """Whether nft would let the packet pass on its way through the nodes."""
    here, there = node_of(packet.source), node_of(packet.target)
    passed = [name for name in dict.fromkeys((here, there)) if name]
    return all(verdict(packet, tables[name], "forward") != "drop" for name in passed)


def verdict(packet: Packet, blocks: Mapping[str, list[str]], chain: str) -> str:
    """Interprets the part of nft's language that is used here; fails on anything else."""
    for line in blocks[chain]:
        if line.startswith(("type filter", "meta nfproto ipv6", "ct state")):
            continue
        statement = line
        holds = True
        while match := MATCH.match(statement):
            holds = holds and holds_for(packet, *match.groups())
            statement = statement[match.end() :]
        if jump := re.fullmatch(r"ip ([sd])addr vmap \{ (.*) \}", statement):
            address = packet.source if jump[1] == "s" else packet.target
            chosen = dict(each.split(" : jump ") for each in jump[2].split(", ")).get(address)
            if chosen and verdict(packet, blocks, chosen) == "drop":
                return "drop"
            continue
        assert statement in ("accept", "return", "counter drop"), statement
        if holds:
            return statement.removeprefix("counter ")
    return "accept"


MATCH = re.compile(
    r"(ip saddr \. ip daddr|ip saddr|ip daddr|tcp dport|udp dport|meta l4proto) (!= )?(\{ [^}]* \}|[\d.]+/\d+|tcp|udp) "
)


def holds_for(packet: Packet, what: str, negated: str | None, values: str) -> bool:
    elements = values.strip("{} ").split(", ")
    if what == "ip saddr . ip daddr":
        found = f"{packet.source} . {packet.target}" in elements
    elif what.startswith("ip "):
        address = ipaddress.ip_address(packet.source if what == "ip saddr" else packet.target)
        found = any(address in ipaddress.ip_network(each) for each in elements)
    elif what == "meta l4proto":
        found = packet.protocol.lower() in elements
    else:
        ranges = [(each.split("-")[0], each.split("-")[-1]) for each in elements]
        found = what.startswith(packet.protocol.lower()) and any(
            int(first) <= packet.port <= int(last) for first, last in ranges
        )
    return found != bool(negated)


def node_of(address: str) -> str | None:
    parts = address.split(".")
    return f"node{parts[2]}" if address.startswith("10.244.") else None


KEYS, VALUES = ("app",), ("x", "y")
labels = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))


def selectors(keys: Sequence[str], values: Sequence[str]) -> st.SearchStrategy[dict[str, Any]]:
    listed = st.fixed_dictionaries(
        {
            "key": st.sampled_from(keys),
            "operator": st.sampled_from(["In", "NotIn"]),
            "values": st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True),
        }
    )
    bare = st.fixed_dictionaries(
        {"key": st.sampled_from(keys), "operator": st.sampled_from(["Exists", "DoesNotExist"])}
    )
    # Often everything, so that more than one policy has a say.
    return st.just({}) | st.fixed_dictionaries(
        {},
        optional={
            "matchLabels": st.dictionaries(st.sampled_from(keys), st.sampled_from(values), max_size=1),
            "matchExpressions": st.lists(listed | bare, max_size=1),
        },
    )


pod_selectors = selectors(KEYS, VALUES)
namespace_selectors = selectors(("team", "kubernetes.io/metadata.name"), ("a", "b", "shop"))
blocks = st.sampled_from(
    [
        {"cidr": "0.0.0.0/0"},
        {"cidr": "10.244.0.0/16", "except": ["10.244.1.0/24"]},
        {"cidr": "10.244.1.0/24", "except": ["10.244.1.2/32", "10.244.1.2/31"]},
        {"cidr": "192.0.2.0/28", "except": ["192.0.2.1/32", "192.0.2.8/29"]},
        {"cidr": "192.0.2.1/32"},
    ]
)
peers = st.one_of(
    st.fixed_dictionaries({"ipBlock": blocks}),
    st.fixed_dictionaries({"podSelector": pod_selectors}),
    st.fixed_dictionaries({"namespaceSelector": namespace_selectors}),
    st.fixed_dictionaries({"namespaceSelector": namespace_selectors, "podSelector": pod_selectors}),
)
protocols = st.sampled_from(["TCP", "UDP"])
ports = st.one_of(
    st.fixed_dictionaries({"protocol": protocols}),
    st.fixed_dictionaries({"port": st.sampled_from([79, 80, 81, 90])}, optional={"protocol": protocols}),
    st.builds(
        lambda first, more: {"port": first, "endPort": first + more}, st.integers(78, 90), st.integers(0, 4)
    ),
    st.fixed_dictionaries({"port": st.sampled_from(["http", "sql"])}, optional={"protocol": protocols}),
)


def rules(name: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    one = st.fixed_dictionaries(
        {}, optional={name: st.lists(peers, max_size=2), "ports": st.lists(ports, max_size=2)}
    )
    return st.lists(one, max_size=2)


specs = st.fixed_dictionaries(
    {"namespace": st.sampled_from(["data", "shop"]), "podSelector": pod_selectors},
    optional={
        "ingress": rules("from"),
        "egress": rules("to"),
        "policyTypes": st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
    },
)
ADDRESSES = ("10.244.1.2", "10.244.1.3", "10.244.1.4", "10.244.2.2", "10.244.2.3")
OUTSIDE = ("192.0.2.1", "192.0.2.9")


@st.composite
def some_pods(draw: st.DrawFn) -> list[Pod]:
    return [
        Pod(
            address,
            cast(str, node_of(address)),
            draw(st.sampled_from(["data", "shop"])),
            draw(labels),
            draw(
                st.dictionaries(
                    st.tuples(st.sampled_from(["http", "sql"]), protocols), st.sampled_from([80, 90])
                )
            ),
        )
        for address in ADDRESSES
    ]


def packets() -> Iterator[Packet]:
    for source, target in itertools.product((*ADDRESSES, *OUTSIDE), repeat=2):
        if source in ADDRESSES or target in ADDRESSES:
            for protocol, port in itertools.product(("TCP", "UDP"), (79, 80, 81, 90, 91)):
                yield Packet(source, target, protocol, port)


@settings(max_examples=150, deadline=None)
@given(pods=some_pods(), policies=st.lists(specs, min_size=1, max_size=3))
def test_the_rules_let_pass_exactly_what_the_api_reference_allows(
    pods: list[Pod], policies: list[dict[str, Any]]
) -> None:
    objects = [
        policy(
            each["namespace"],
            yaml.safe_dump({k: v for k, v in each.items() if k != "namespace"}),
            f"p{number}",
        )
        for number, each in enumerate(policies)
    ]
    isolation = isolate(pods, NAMESPACES, objects)
    tables = {node.name: parse(nftables.table(node, pods, isolation)) for node in NODES}
    for packet in packets():
        assert allowed_by_text(packet, tables) == allowed(packet, pods, NAMESPACES, policies), packet


def test_a_pod_that_is_not_known_yet_neither_sends_nor_gets() -> None:
    tables = {node.name: parse(nftables.table(node, PODS, Isolation())) for node in NODES}
    for source, target in (("10.244.1.99", "10.244.2.2"), ("10.244.2.2", "10.244.1.99")):
        assert not allowed_by_text(Packet(source, target, "TCP", 80), tables)
