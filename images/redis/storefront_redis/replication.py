"""A member's own view of its part in the replication."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from storefront_redis.connection import Address, Connection


@dataclass(frozen=True)
class Replica:
    """A replica as its primary sees it."""

    address: Address
    online: bool
    offset: int


@dataclass(frozen=True)
class Replication:
    """The section `replication` of INFO."""

    is_primary: bool
    offset: int
    linked: bool
    """A replica whose link to its primary is up."""
    primary: Address | None
    replicas: tuple[Replica, ...]
    electable: bool = True
    """A replica that the sentinels may promote."""


def read_replication(member: Connection) -> Replication:
    """Ask a member. Raises OSError, `ServerError`."""
    return replication_of(member.info("replication"))


def replication_of(info: Mapping[str, str]) -> Replication:
    """From the fields of INFO, which still calls a primary `master` and a replica `slave`."""
    is_primary = info["role"] == "master"
    return Replication(
        is_primary=is_primary,
        offset=int(info["master_repl_offset"] if is_primary else info.get("slave_repl_offset", "0")),
        linked=info.get("master_link_status") == "up",
        primary=None if is_primary else Address(info["master_host"], int(info["master_port"])),
        replicas=tuple(
            _replica(info[f"slave{number}"]) for number in range(int(info["connected_slaves"])) if is_primary
        ),
        electable=info.get("slave_priority") != "0",
    )


def _replica(text: str) -> Replica:
    """`ip=10.0.0.1,port=6379,state=online,offset=14,lag=0`; an IPv6 address has colons, but no comma."""
    fields = dict(pair.split("=", 1) for pair in text.split(","))
    address = Address(fields["ip"], int(fields["port"]))
    return Replica(address, fields["state"] == "online", int(fields["offset"]))
