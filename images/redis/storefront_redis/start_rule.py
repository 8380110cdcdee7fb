"""How a member may start: as replica, as primary, or not yet. Pure.

A primary that comes back before its successor is elected must not take writes: it would lose them as soon as the
sentinels, which have seen it away, promote the replica.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from storefront_redis.connection import Address
from storefront_redis.election import View

VOTE_SECONDS = 8.0
"""Detection takes 2 s and an election 1 to 4 s: whoever is named after this time stays primary."""

ALONE_SECONDS = 3.0
"""For so long nobody was there who could be elected, so there is nothing to wait for."""

EMPTY_SECONDS = 60.0
"""A named primary whose volume is empty waits this long for a member that may hold the data."""


class Peer(StrEnum):
    """What another member is, as far as a successor goes."""

    AWAY = "away"
    EMPTY = "empty"
    HOLDS_DATA = "holds data"
    """Also as of an unknown age: it has started after the primary was lost, and is not electable."""
    SUCCESSOR = "can succeed"
    """It holds the data, and the sentinels may promote it."""


@dataclass(frozen=True)
class Follow:
    """Start as a replica."""

    primary: Address


@dataclass(frozen=True)
class Lead:
    """Start as primary."""

    why: str


@dataclass(frozen=True)
class Wait:
    """Ask again."""

    why: str


def how_to_start(
    me: Address, has_data: bool, view: View | None, peers: Mapping[str, Peer], waited: float
) -> Follow | Lead | Wait:
    """The decision after `waited` seconds in which the sentinels could be asked.

    `view` is the majority's (None: there is no majority, and without it nobody may start), `has_data` whether this
    member's volume holds a data set, `peers` the other members.
    """
    if view is None:
        return Wait("no majority of sentinels answers")
    if view.primary != me:
        return Follow(view.primary)
    holders = sorted(name for name, peer in peers.items() if peer in (Peer.HOLDS_DATA, Peer.SUCCESSOR))
    away = sorted(name for name, peer in peers.items() if peer is Peer.AWAY)
    if not has_data:
        return _empty_primary(view, holders, away, waited)
    if waited >= VOTE_SECONDS:
        return Lead("still primary after the time of an election")
    if Peer.SUCCESSOR not in peers.values() and waited >= ALONE_SECONDS:
        return Lead("primary, and no other member could be elected")
    return Wait("named primary; giving the sentinels time to elect another")


def _empty_primary(view: View, holders: list[str], away: list[str], waited: float) -> Lead | Wait:
    """An empty primary would make its replicas empty."""
    if holders:
        return Wait(f"named primary without data, but {', '.join(holders)} has some; it is to be elected")
    if view.replicas == 0:
        return Lead("first start")
    if away and waited < EMPTY_SECONDS:
        return Wait(f"named primary without data; waiting for {', '.join(away)}, which may have some")
    return Lead("no member has any data")
