"""A primary that is stopped hands over first: its replica has every write, and is promoted before it goes.

Sentinel's own fail-over promotes at once what the replica has; so the writes are held for the moment it takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from storefront_redis.connection import Address, Connection, ServerError
from storefront_redis.election import MASTER_NAME, fields_of, read_view
from storefront_redis.replication import Replication, read_replication

_REPLICA_SECONDS = 2.0
_KNOWN_SECONDS = 11.0
"""The sentinels look at a replica every 10 s; one that has just come back they may not take yet."""
_CATCH_UP_SECONDS = 2.0
_ASKING_SECONDS = 4.0
"""Of four replicas at most, one second for each that does not answer; the writes stay held meanwhile."""
_ELECTION_SECONDS = 8.0
_PAUSE_SECONDS = 0.05


def hand_over(
    member: Connection,
    sentinels: Sequence[Connection],
    me: Address,
    connect: Callable[[Address], Connection],
) -> str:
    """Give up being primary, and say in words what came of it. `connect` leads to a replica.

    Takes 27 s at most; raises OSError, `ServerError`.
    """
    if not read_replication(member).is_primary:
        return "a replica stops"
    if not _until(lambda: _online(member), _REPLICA_SECONDS):
        return "the primary stops without a replica to take over"
    if not _until(lambda: _is_known(sentinels), _KNOWN_SECONDS):
        return "the primary stops; the sentinels know of no replica that they would promote"
    hold = _CATCH_UP_SECONDS + _ASKING_SECONDS + _ELECTION_SECONDS
    member.call("CLIENT", "PAUSE", int(1000 * hold), "WRITE")
    held = read_replication(member)
    replicas = [connect(each.address) for each in held.replicas if each.online]
    caught_up = _until(
        lambda: _has_caught_up(read_replication(member), held.offset) or _says_so(replicas, me, held.offset),
        _CATCH_UP_SECONDS,
    )
    for replica in replicas:
        replica.close()
    if not caught_up:
        member.call("CLIENT", "UNPAUSE")
        return "the primary stops; its replica lags too far behind to take over"
    problem = _ask_for_election(sentinels)
    if problem:
        member.call("CLIENT", "UNPAUSE")
        return f"the primary stops; no sentinel starts a fail-over: {problem}"
    if not _until(lambda: _is_replaced(sentinels, me), _ELECTION_SECONDS):
        return "the primary stops; the sentinels have not named another in time"
    return "the primary has handed over"


def _online(member: Connection) -> bool:
    return any(replica.online for replica in read_replication(member).replicas)


def _is_known(sentinels: Sequence[Connection]) -> bool:
    """Whether each sentinel that answers has a replica that it may promote."""
    electable = []
    for sentinel in sentinels:
        try:
            reply = sentinel.call("SENTINEL", "REPLICAS", MASTER_NAME)
        except (OSError, ServerError):
            continue
        replicas = [fields_of(each) for each in reply] if isinstance(reply, list) else []
        electable.append(any(each["slave-priority"] != "0" and each["flags"] == "slave" for each in replicas))
    return bool(electable) and all(electable)


def _has_caught_up(replication: Replication, offset: int) -> bool:
    return any(replica.online and replica.offset >= offset for replica in replication.replicas)


def _says_so(replicas: Sequence[Connection], me: Address, offset: int) -> bool:
    """Whether a replica itself says that it has caught up: it tells its primary only once a second."""
    for replica in replicas:
        try:
            own = read_replication(replica)
        except (OSError, ServerError, LookupError):
            continue
        if own.linked and own.primary == me and own.offset >= offset:
            return True
    return False


def _ask_for_election(sentinels: Sequence[Connection]) -> str:
    """Empty when a sentinel does it, else why the last one does not."""
    problem = "none answers"
    for sentinel in sentinels:
        try:
            sentinel.call("SENTINEL", "FAILOVER", MASTER_NAME)
        except ServerError as error:
            if str(error).startswith("INPROG"):
                return ""
            problem = str(error)
        except OSError:
            continue
        else:
            return ""
    return problem


def _is_replaced(sentinels: Sequence[Connection], me: Address) -> bool:
    """Whether a sentinel names another. Only that which leads the fail-over does so at first."""
    for sentinel in sentinels:
        try:
            view = read_view(sentinel)
        except (OSError, ServerError):
            continue
        if view is not None and view.primary != me:
            return True
    return False


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True
