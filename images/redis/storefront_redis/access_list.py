"""Brings a change of the mounted access list into a running server.

Not by ACL LOAD: up to Redis 7.0 it disconnects every client, replicas and sentinels included.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import cast

from storefront_redis.connection import Connection, Reply


def users_of(text: str) -> dict[str, list[str]]:
    """User → rules, from the lines `user NAME RULE…` of an ACL file."""
    lines = [line.split() for line in text.splitlines()]
    return {words[1]: words[2:] for words in lines if len(words) > 1 and words[0] == "user"}


def passwords_fingerprint(lines: Iterable[str]) -> str:
    """Which passwords are accepted for whom, from the lines of ACL LIST. The operator computes the same of its list."""
    users = users_of("\n".join(lines))
    known = [
        " ".join([user, *sorted(rule for rule in rules if rule[0] == "#")]) for user, rules in users.items()
    ]
    return hashlib.sha256("\n".join(sorted(known)).encode()).hexdigest()[:16]


def read_passwords(member: Connection) -> str:
    """What a running server accepts, as a fingerprint. Raises OSError, `ServerError`."""
    return passwords_fingerprint(map(str, cast(list[Reply], member.call("ACL", "LIST"))))


def apply_changes(member: Connection, before: str, after: str) -> list[str]:
    """Make a server that has loaded `before` obey `after`; names of the users that changed.

    Each user changes in one step; connections that are open stay open. Raises OSError, `ServerError`.
    """
    old, new = users_of(before), users_of(after)
    changed = [name for name, rules in new.items() if old.get(name) != rules]
    for name in changed:
        member.call("ACL", "SETUSER", name, "reset", *new[name])
    removed = [name for name in old if name not in new]
    for name in removed:
        member.call("ACL", "DELUSER", name)
    return changed + removed
