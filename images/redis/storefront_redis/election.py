"""What the sentinels say about who is primary, and when that counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from storefront_redis.connection import Address, Connection, Reply, ServerError

MASTER_NAME = "storefront"
"""Name under which the sentinels watch the one primary."""


@dataclass(frozen=True)
class View:
    """One sentinel's view. `epoch` is that of the election which made `primary` the primary."""

    primary: Address
    epoch: int
    replicas: int
    promoting: bool
    """A fail-over is under way and its new primary is not sure yet."""


def read_view(sentinel: Connection) -> View | None:
    """What a sentinel says; None while it knows no primary. Raises OSError, `ServerError`."""
    try:
        reply = sentinel.call("SENTINEL", "MASTER", MASTER_NAME)
        address = sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME)
    except ServerError as error:
        if "No such master" in str(error):
            return None
        raise
    if not isinstance(reply, list) or not isinstance(address, list):
        return None
    fields = fields_of(reply)
    primary = Address(str(address[0]), int(str(address[1])))
    # As soon as the new primary has been seen as such, Sentinel names it, before the fail-over is complete.
    named_still = (fields["ip"], fields["port"]) == (primary.host, str(primary.port))
    promoting = "failover_in_progress" in fields["flags"] and named_still
    return View(primary, int(fields["config-epoch"]), int(fields["num-slaves"]), promoting)


def read_unreachable(sentinel: Connection) -> frozenset[Address]:
    """The members that a sentinel takes for down. Raises OSError, `ServerError`."""
    down = set()
    for command in ("MASTERS", "REPLICAS"):
        reply = sentinel.call("SENTINEL", command, *([MASTER_NAME] if command == "REPLICAS" else []))
        for server in reply if isinstance(reply, list) else []:
            fields = fields_of(server)
            if "s_down" in fields["flags"] or "disconnected" in fields["flags"]:
                down.add(Address(fields["ip"], int(fields["port"])))
    return frozenset(down)


def reconnect(sentinel: Connection, password: str) -> None:
    """Make a sentinel connect to its members anew; setting their password does, also when it is the same."""
    sentinel.call("SENTINEL", "SET", MASTER_NAME, "auth-pass", password)


def fields_of(reply: Reply) -> dict[str, str]:
    """Names and values, which Sentinel gives in turns."""
    words = [str(word) for word in reply] if isinstance(reply, list) else []
    return dict(zip(words[::2], words[1::2], strict=True))


def majority(sentinels: int) -> int:
    """How many of so many sentinels make a majority."""
    return sentinels // 2 + 1


def elected(views: Sequence[View], sentinels: int) -> View | None:
    """The view that counts: of the latest election, known to a majority that can be asked now.

    A sentinel that is cut off does not hear of elections, but then it is alone; the majority's latest epoch wins.
    None without a majority.
    """
    if len(views) < majority(sentinels):
        return None
    return max(views, key=lambda view: view.epoch)
