"""From network policies to rules in the language of nft."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

import pytest
import yaml
from lightkube import codecs
from lightkube.resources.networking_v1 import NetworkPolicy
from storefront_dev.agent import nftables
from storefront_dev.agent.isolation import Pod, isolate
from storefront_dev.topology import NODES

NODE1, NODE2, _ = NODES
NAMESPACES = {
    "shop": {"kubernetes.io/metadata.name": "shop", "team": "a"},
    "data": {"kubernetes.io/metadata.name": "data", "team": "b"},
    "other": {"kubernetes.io/metadata.name": "other"},
}
PODS = [
    Pod("10.244.1.2", "node1", "data", {"app": "db"}, {("sql", "TCP"): 5432}),
    Pod("10.244.2.2", "node2", "data", {"app": "db"}, {("sql", "TCP"): 5433}),
    Pod("10.244.1.3", "node1", "shop", {"app": "web", "tier": "front"}),
    Pod("10.244.2.3", "node2", "shop", {"app": "job"}),
    Pod("10.244.1.10", "node1", "other", {"app": "web"}),
]


def policy(namespace: str, text: str, name: str = "policy") -> NetworkPolicy:
    """A policy with the spec that is given as YAML."""
    document = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": yaml.safe_load(text),
    }
    return cast(NetworkPolicy, codecs.from_dict(document))


def chains(*policies: NetworkPolicy, pods: Sequence[Pod] = PODS) -> dict[str, list[str]]:
    """The lines of each chain on node1."""
    return parse(nftables.table(NODE1, pods, isolate(pods, NAMESPACES, policies)))


def parse(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if started := re.fullmatch(r"  chain (\S+) \{", line):
            lines = found.setdefault(started[1], [])
        elif line.startswith("    "):
            lines.append(line.strip())
    return found


def test_the_whole_table_of_a_node() -> None:
    text = """
        podSelector: {matchLabels: {app: db}}
        policyTypes: [Ingress, Egress]
        ingress:
        - from: [{podSelector: {matchLabels: {app: web}}, namespaceSelector: {matchLabels: {team: a}}}]
          ports: [{port: sql}, {port: 8000, endPort: 8010}, {port: 53, protocol: UDP}]
        - from: [{ipBlock: {cidr: 10.200.0.0/30, except: [10.200.0.1/32]}}]
        egress:
        - to: [{podSelector: {}}]
          ports: [{port: 8008}]
    """
    isolation = isolate(PODS, NAMESPACES, [policy("data", text)])
    assert nftables.table(NODE1, PODS, isolation) == (
        """\
table inet storefront-policies
delete table inet storefront-policies
table inet storefront-policies {
  chain egress-1 {
    ip daddr { 10.244.1.2, 10.244.2.2 } tcp dport { 8008 } return
    counter drop
  }
  chain ingress-1 {
    ip saddr { 10.244.1.3 } tcp dport { 5432, 8000-8010 } return
    ip saddr { 10.244.1.3 } udp dport { 53 } return
    ip saddr { 10.200.0.0, 10.200.0.2/31 } return
    counter drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    meta nfproto ipv6 counter drop
    ct state established,related accept
    ip saddr 10.244.1.0/24 ip saddr != { 10.244.1.2, 10.244.1.3, 10.244.1.10 } counter drop
    ip daddr 10.244.1.0/24 ip daddr != { 10.244.1.2, 10.244.1.3, 10.244.1.10 } counter drop
    ip saddr . ip daddr { 10.244.1.2 . 10.244.1.2 } accept
    ip saddr vmap { 10.244.1.2 : jump egress-1 }
    ip daddr vmap { 10.244.1.2 : jump ingress-1 }
  }
}
"""
    )


def test_a_node_starts_closed() -> None:
    forward = parse(nftables.closed(NODE2))["forward"]
    assert "ip saddr 10.244.2.0/24 counter drop" in forward
    assert "ip daddr 10.244.2.0/24 counter drop" in forward


def test_without_policies_known_pods_are_open() -> None:
    assert list(chains()) == ["forward"]
    assert not [line for line in chains()["forward"] if "vmap" in line]


@pytest.mark.parametrize(
    ("spec", "ingress", "egress"),
    [
        ("{podSelector: {}}", ["counter drop"], None),
        ("{podSelector: {}, ingress: [{}]}", ["return", "counter drop"], None),
        ("{podSelector: {}, egress: [{}]}", ["counter drop"], ["return", "counter drop"]),
        ("{podSelector: {}, policyTypes: [Egress]}", None, ["counter drop"]),
        ("{podSelector: {}, policyTypes: [Ingress], egress: [{}]}", ["counter drop"], None),
    ],
)
def test_policy_types(spec: str, ingress: list[str] | None, egress: list[str] | None) -> None:
    found = chains(policy("data", spec))
    assert found.get("ingress-1") == ingress
    assert found.get("egress-1") == egress


def test_policies_add_up_and_pods_with_the_same_rules_share_a_chain() -> None:
    pods = [*PODS, Pod("10.244.1.4", "node1", "data", {"app": "db"}), Pod("10.244.1.5", "node1", "data")]
    deny = policy("data", "{podSelector: {}}", "a")
    allow = policy("data", "{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 80}]}]}", "b")
    found = chains(deny, allow, pods=pods)
    assert found["ingress-1"] == ["tcp dport { 80 } return", "counter drop"]
    assert found["ingress-2"] == ["counter drop"]
    assert (
        "ip daddr vmap { 10.244.1.2 : jump ingress-1, 10.244.1.4 : jump ingress-1, 10.244.1.5 : jump ingress-2 }"
        in found["forward"]
    )


def test_a_named_port_is_the_number_that_each_destination_calls_by_it() -> None:
    out = policy(
        "shop",
        "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: sql}], to: [{namespaceSelector: {}}]}]}",
    )
    assert chains(out)["egress-1"] == [
        "ip daddr { 10.244.1.2 } tcp dport { 5432 } return",
        "ip daddr { 10.244.2.2 } tcp dport { 5433 } return",
        "counter drop",
    ]
    anywhere = policy("shop", "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: sql}]}]}")
    assert chains(anywhere) == chains(out)


def test_a_named_port_of_another_protocol_or_that_no_pod_has_allows_nothing() -> None:
    for port in ("{port: sql, protocol: UDP}", "{port: nothing}"):
        found = chains(policy("data", f"{{podSelector: {{}}, ingress: [{{ports: [{port}]}}]}}"))
        assert found["ingress-1"] == ["counter drop"]


def test_peers_that_select_nobody_allow_nothing_but_no_peers_allow_everybody() -> None:
    nobody = "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: nobody}}}]}]}"
    assert chains(policy("data", nobody))["ingress-1"] == ["counter drop"]
    assert chains(policy("data", "{podSelector: {}, ingress: [{from: []}]}"))["ingress-1"][0] == "return"


def test_all_ports_of_a_protocol_and_adjacent_ports() -> None:
    ports = "[{protocol: UDP}, {port: 53, protocol: UDP}, {port: 80}, {port: 81}, {port: 83}]"
    assert chains(policy("data", f"{{podSelector: {{}}, ingress: [{{ports: {ports}}}]}}"))["ingress-1"] == [
        "tcp dport { 80-81, 83 } return",
        "meta l4proto udp return",
        "counter drop",
    ]


@pytest.mark.parametrize(
    ("block", "peers"),
    [
        ("{cidr: 0.0.0.0/0}", ""),
        ("{cidr: 10.0.0.0/8, except: [10.0.0.0/8]}", None),
        ("{cidr: 10.0.0.0/30, except: [10.0.0.0/32, 10.0.0.0/31]}", "ip saddr { 10.0.0.2/31 } "),
        # Pods within a block are not named again: nft refuses elements that overlap.
        ("{cidr: 10.244.0.0/16}", "ip saddr { 10.244.0.0/16 } "),
        ("{cidr: 'fd00::/8'}", None),
    ],
)
def test_blocks(block: str, peers: str | None) -> None:
    text = f"{{podSelector: {{}}, ingress: [{{from: [{{ipBlock: {block}}}]}}]}}"
    lines = chains(policy("data", text))["ingress-1"]
    assert lines == ([] if peers is None else [f"{peers}return"]) + ["counter drop"]


def test_a_pod_within_a_block_of_the_same_rule_is_covered_by_it() -> None:
    text = "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.244.1.0/24}}, {namespaceSelector: {}}]}]}"
    assert chains(policy("data", text))["ingress-1"][0] == (
        "ip saddr { 10.244.2.2, 10.244.2.3, 10.244.1.0/24 } return"
    )
