"""The pods of this Redis and their addresses.

Each pod has a Service of its own, whose cluster address never changes while the pod comes and goes: that address is
what the servers announce. Sentinel must not hold host names, for it resolves them while it watches, and one dead DNS
server then blinds it for a minute. The names are resolved once, when a program starts.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from storefront_redis.connection import Address

REDIS_PORT = 6379
SENTINEL_PORT = 26379
_RETRY_SECONDS = 0.25


@dataclass(frozen=True)
class Layout:
    """Names of pods → where they are reached."""

    members: Mapping[str, Address]
    sentinels: Mapping[str, Address]

    def member_at(self, address: Address) -> str | None:
        """The member with that address."""
        return next((name for name, each in self.members.items() if each == address), None)


def pod_name() -> str:
    """The pod this program runs in."""
    return os.environ["POD_NAME"]


def resolve_layout(remembered: Mapping[str, str], patience: float) -> Layout:
    """The layout that the environment (REDIS_MEMBERS, REDIS_SENTINELS, POD_NAMESPACE) describes.

    Tries until every name is found. After `patience` seconds `remembered` addresses (see `recall`) will do: DNS may be
    away while the cluster restarts.
    """
    members = [f"redis-{number}" for number in range(int(os.environ["REDIS_MEMBERS"]))]
    sentinels = [f"redis-sentinel-{number}" for number in range(int(os.environ["REDIS_SENTINELS"]))]
    found = _resolve([*members, *sentinels], remembered, patience, _lookup)
    return Layout(
        {name: Address(found[name], REDIS_PORT) for name in members},
        {name: Address(found[name], SENTINEL_PORT) for name in sentinels},
    )


def recall(file: Path) -> dict[str, str]:
    """The hosts that `remember` has written, by name; empty at the first start or when the file is damaged."""
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): str(host) for name, host in content.items()} if isinstance(content, dict) else {}


def remember(file: Path, layout: Layout) -> None:
    """Keep the hosts for the next start."""
    hosts = {name: each.host for name, each in (*layout.members.items(), *layout.sentinels.items())}
    new = file.with_suffix(".new")
    new.write_text(json.dumps(hosts))
    new.replace(file)


def _resolve(
    names: list[str],
    remembered: Mapping[str, str],
    patience: float,
    lookup: Callable[[str], str | None],
) -> dict[str, str]:
    found: dict[str, str] = {}
    deadline = time.monotonic() + patience
    said = False
    while True:
        for name in names:
            host = None if name in found else lookup(name)
            if host is not None:
                found[name] = host
        missing = [name for name in names if name not in found]
        if not missing:
            return found
        if time.monotonic() > deadline:
            if all(name in remembered for name in missing):
                return {**{name: remembered[name] for name in missing}, **found}
            if not said:
                print(f"waiting for the addresses of {', '.join(missing)} in DNS", flush=True)
                said = True
        time.sleep(_RETRY_SECONDS)


def _lookup(name: str) -> str | None:
    # With its namespace: a pod's bare name is its own address, from its hosts file.
    service = f"{name}.{os.environ['POD_NAMESPACE']}.svc"
    try:
        return str(socket.getaddrinfo(service, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        return None
