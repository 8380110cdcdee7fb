"""Sentinel's configuration: options that are ours, and the state that Sentinel itself keeps in the same file. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from storefront_redis.connection import Address, Login
from storefront_redis.election import MASTER_NAME
from storefront_redis.layout import SENTINEL_PORT

_KEPT = ("myid", "current-epoch", "config-epoch", "leader-epoch", "known-replica", "known-sentinel")


@dataclass(frozen=True)
class Options:
    """How this sentinel watches."""

    me: Address
    quorum: int
    login: Login
    down_after_milliseconds: int
    failover_timeout_milliseconds: int


def kept_state(text: str, moved: Mapping[str, str], hosts: Collection[str]) -> list[str]:
    """The lines of state of an old configuration.

    `moved` maps hosts that have changed since to where they are now: Services that were made anew, say because the
    Storefront was deleted and applied again. Servers that are on none of the current `hosts` are forgotten.
    """
    lines = []
    for line in text.splitlines():
        words = [moved.get(word, word) for word in line.split()]
        if len(words) < 3 or words[0] != "sentinel" or words[1] not in _KEPT:
            continue
        if words[1].startswith("known-") and (len(words) < 4 or words[3] not in hosts):
            continue
        lines.append(" ".join(words))
    return lines


def watched_primary(text: str, moved: Mapping[str, str], hosts: Collection[str]) -> str | None:
    """The host of the primary in an old configuration; None when there is none, or it is not a current one."""
    for line in text.splitlines():
        words = line.split()
        if words[:3] == ["sentinel", "monitor", MASTER_NAME] and len(words) > 3:
            host = moved.get(words[3], words[3])
            return host if host in hosts else None
    return None


def configuration(options: Options, primary: Address, state: Sequence[str]) -> str:
    """The whole file."""
    login = options.login
    digest = hashlib.sha256(login.password.encode()).hexdigest()
    lines = [
        "bind * -::*",
        "protected-mode no",
        f"port {SENTINEL_PORT}",
        "dir /tmp",
        'logfile ""',
        "user default off resetpass resetkeys resetchannels -@all",
        f"user {login.username} on #{digest} ~* &* +@all",
        f"sentinel sentinel-user {login.username}",
        f"sentinel sentinel-pass {login.password}",
        "sentinel resolve-hostnames no",
        f"sentinel announce-ip {options.me.host}",
        f"sentinel announce-port {options.me.port}",
        f"sentinel monitor {MASTER_NAME} {primary.host} {primary.port} {options.quorum}",
        f"sentinel auth-user {MASTER_NAME} {login.username}",
        f"sentinel auth-pass {MASTER_NAME} {login.password}",
        f"sentinel down-after-milliseconds {MASTER_NAME} {options.down_after_milliseconds}",
        f"sentinel failover-timeout {MASTER_NAME} {options.failover_timeout_milliseconds}",
        f"sentinel parallel-syncs {MASTER_NAME} 1",
        *state,
    ]
    return "\n".join(lines) + "\n"
