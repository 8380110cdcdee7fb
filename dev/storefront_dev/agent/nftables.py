"""The rules of one node's network in the language of nft."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from storefront_dev.agent.isolation import Interval, Isolation, Pod, Rule, Rules
from storefront_dev.topology import Node

TABLE = "inet storefront-policies"


def closed(node: Node) -> str:
    """The rules with which a node starts: none of its pods is known, so none may connect."""
    return table(node, [], Isolation())


def table(node: Node, pods: Iterable[Pod], isolation: Isolation) -> str:
    """What replaces the node's rules in one transaction.

    Only the node's own pods are judged: what they send when it leaves them, what they get when it arrives.
    """
    own = sorted((pod.address for pod in pods if pod.node == node.name), key=_in_order)
    egress = {each: isolation.egress[each] for each in own if each in isolation.egress}
    ingress = {each: isolation.ingress[each] for each in own if each in isolation.ingress}
    # Pods that are allowed the same share a chain.
    egress_chains, ingress_chains = _names("egress", egress), _names("ingress", ingress)
    blocks = {
        **{name: _body("ip daddr", rules) for rules, name in egress_chains.items()},
        **{name: _body("ip saddr", rules) for rules, name in ingress_chains.items()},
        "forward": [
            "type filter hook forward priority filter; policy accept;",
            # The pods' network has no IPv6, and the addresses of each link would be a way around the policies.
            "meta nfproto ipv6 counter drop",
            "ct state established,related accept",
            # A pod whose labels are not known yet is closed: it may be one that a policy selects.
            f"ip saddr {node.pod_network} {_none_of('ip saddr', own)}counter drop",
            f"ip daddr {node.pod_network} {_none_of('ip daddr', own)}counter drop",
            # Nobody can forbid a pod to talk to itself; through a Service that leads out of it and back.
            *_if_any(
                "ip saddr . ip daddr {} accept", [f"{a} . {a}" for a in own if a in egress or a in ingress]
            ),
            *_if_any("ip saddr vmap {}", _jumps(egress, egress_chains)),
            *_if_any("ip daddr vmap {}", _jumps(ingress, ingress_chains)),
        ],
    }
    # Declared before it is deleted, for it may not be there.
    lines = [f"table {TABLE}", f"delete table {TABLE}", f"table {TABLE} {{"]
    for name, body in blocks.items():
        lines += [f"  chain {name} {{", *(f"    {line}" for line in body), "  }"]
    return "\n".join([*lines, "}", ""])


async def write(node: Node, text: str) -> None:
    """Replace the node's rules. Raises OSError with nft's words when it refuses them."""
    command = ("nsenter", f"--net={network(node)}", "nft", "-f", "-")
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate(text.encode())
    if process.returncode:
        raise OSError(f"nft on {node.name}: {errors.decode(errors='replace').strip()}")


def network(node: Node) -> Path:
    """The node's network namespace; it exists while the node has its cable."""
    return Path("/run/netns") / node.network_namespace


def _names(direction: str, rules: Mapping[str, Rules]) -> dict[Rules, str]:
    return {each: f"{direction}-{number}" for number, each in enumerate(dict.fromkeys(rules.values()), 1)}


def _body(peer: str, rules: Rules) -> list[str]:
    return [*(_line(peer, rule) for rule in rules), "counter drop"]


def _jumps(rules: Mapping[str, Rules], chains: Mapping[Rules, str]) -> list[str]:
    return [f"{address} : jump {chains[each]}" for address, each in rules.items()]


def _line(peer: str, rule: Rule) -> str:
    """What is allowed returns, for the other direction to judge too."""
    parts = []
    if rule.peers is not None:
        parts.append(f"{peer} {_set(rule.peers)}")
    if rule.protocol is not None:
        protocol = rule.protocol.lower()
        ports = f"{protocol} dport {_set(map(_interval, rule.ports))}"
        parts.append(ports if rule.ports else f"meta l4proto {protocol}")
    return " ".join([*parts, "return"])


def _interval(ports: Interval) -> str:
    first, last = ports
    return str(first) if first == last else f"{first}-{last}"


def _none_of(what: str, addresses: list[str]) -> str:
    return f"{what} != {_set(addresses)} " if addresses else ""


def _if_any(line: str, elements: list[str]) -> list[str]:
    return [line.replace("{}", _set(elements))] if elements else []


def _set(elements: Iterable[str]) -> str:
    return f"{{ {', '.join(elements)} }}"


def _in_order(address: str) -> tuple[int, ...]:
    return tuple(map(int, address.split(".")))
