"""Which label each member's pod should carry, and which member must be corrected. Pure.

Level-triggered: computed from what the sentinels and the members say now, and repeated until it is so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from storefront_redis.connection import Address
from storefront_redis.election import View
from storefront_redis.layout import Layout
from storefront_redis.replication import Replication

ROLE = "role"
REPLICATION = "storefront.dev/replication"

ACCESS_LIST = "storefront.dev/access-list"
"""Which passwords a member accepts, see access_list.py: the operator waits for it when credentials are exchanged."""

Labels = Mapping[str, str | None]
"""Labels to set; None takes one away."""


@dataclass(frozen=True)
class Demote:
    """A member takes itself for the primary, and is not."""

    member: str
    primary: Address


@dataclass(frozen=True)
class Promote:
    """The elected primary takes itself for a replica, and nobody is primary."""

    member: str


def wanted_labels(
    layout: Layout, view: View, members: Mapping[str, Replication], pods: Mapping[str, Mapping[str, str]]
) -> dict[str, Labels]:
    """Changes of labels by pod. `members` are those that answer, `pods` the labels of the pods that exist.

    What a member that does not answer is linked to stays as it was last seen, or the labellers would contradict each
    other while only some of them reach it. The old primary comes first: never two in the Service for long.
    """
    primary = layout.member_at(view.primary)
    if primary is None:
        return {}
    changes: dict[str, Labels] = {}
    for name in sorted(layout.members, key=lambda name: name == primary):
        if name not in pods:
            continue
        wanted: dict[str, str | None] = {ROLE: "primary" if name == primary else "replica"}
        replication = members.get(name)
        if name == primary:
            wanted[REPLICATION] = None
        elif replication is not None and not replication.is_primary:
            wanted[REPLICATION] = "linked" if replication.linked else "broken"
        change = {label: value for label, value in wanted.items() if pods[name].get(label) != value}
        if change:
            changes[name] = change
    return changes


def corrections(layout: Layout, view: View, members: Mapping[str, Replication]) -> list[Demote | Promote]:
    """What is against the election. Act only on what lasts: a fail-over changes one member after the other."""
    primary = layout.member_at(view.primary)
    if primary is None or view.promoting or primary not in members:
        return []
    claiming = [name for name, each in members.items() if each.is_primary]
    if members[primary].is_primary:
        return [Demote(name, view.primary) for name in claiming if name != primary]
    return [] if claiming else [Promote(primary)]
