"""Starts a sentinel: what it has learnt is kept, and one that has lost it asks the others before it assumes."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from storefront_redis import credentials
from storefront_redis.connection import Address, Connection, ServerError
from storefront_redis.election import elected, majority, read_view
from storefront_redis.layout import REDIS_PORT, Layout, pod_name, recall, remember, resolve_layout
from storefront_redis.replication import read_replication
from storefront_redis.sentinel_config import Options, configuration, kept_state, watched_primary

DATA = Path("/data")
CONFIGURATION = DATA / "sentinel.conf"
ADDRESSES = DATA / "addresses.json"

_TIMEOUT_SECONDS = 0.5
_DNS_PATIENCE_SECONDS = 5.0
_LOCK_SECONDS = 0.2


def main() -> None:
    """Write the configuration and become the sentinel."""
    # Held until the sentinel ends: a forced deletion starts the next pod while this one may still run.
    lock = (DATA / "lock").open("w")
    while not _locked(lock.fileno()):
        time.sleep(_LOCK_SECONDS)
    before = recall(ADDRESSES)
    layout = resolve_layout(before, _DNS_PATIENCE_SECONDS)
    now = {name: each.host for name, each in (*layout.members.items(), *layout.sentinels.items())}
    moved = {host: now[name] for name, host in before.items() if name in now}
    old = CONFIGURATION.read_text() if CONFIGURATION.exists() else ""
    watched = watched_primary(old, moved, now.values())
    primary = Address(watched, REDIS_PORT) if watched else _find_primary(layout)
    options = Options(
        me=layout.sentinels[pod_name()],
        quorum=majority(len(layout.sentinels)),
        login=credentials.watcher(),
        down_after_milliseconds=int(os.environ["DOWN_AFTER_MILLISECONDS"]),
        failover_timeout_milliseconds=int(os.environ["FAILOVER_TIMEOUT_MILLISECONDS"]),
    )
    state = kept_state(old, moved, now.values()) if watched else []
    _write(configuration(options, primary, state))
    remember(ADDRESSES, layout)
    print(f"sentinel: watching {layout.member_at(primary)} at {primary}", flush=True)
    os.set_inheritable(lock.fileno(), True)
    os.execvp("redis-sentinel", ["redis-sentinel", str(CONFIGURATION)])  # noqa: S606


def _find_primary(layout: Layout) -> Address:
    """Without a state of one's own: what the other sentinels say, else the member that is primary, else the first."""
    login = credentials.watcher()
    views = []
    for address in layout.sentinels.values():
        try:
            with Connection(address, login, _TIMEOUT_SECONDS) as sentinel:
                view = read_view(sentinel)
        except (OSError, ServerError):
            continue
        if view is not None and layout.member_at(view.primary):
            views.append(view)
    # Any of them knows better than this one, but a majority of the others best.
    view = elected(views, len(layout.sentinels) - 1) or max(views, key=lambda each: each.epoch, default=None)
    if view is not None:
        return view.primary
    for address in layout.members.values():
        try:
            with Connection(address, login, _TIMEOUT_SECONDS) as member:
                if read_replication(member).is_primary:
                    return address
        except (OSError, ServerError):
            continue
    return next(iter(layout.members.values()))


def _write(text: str) -> None:
    """Replace the file in one step: a crash leaves the old one or the new one."""
    new = CONFIGURATION.with_suffix(".new")
    new.touch(mode=0o600)
    with new.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(CONFIGURATION)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    main()
