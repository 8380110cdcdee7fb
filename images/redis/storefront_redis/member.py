"""The first process of a member's pod: finds out how to start, runs the server, stops it without loss."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from storefront_redis import credentials
from storefront_redis.access_list import apply_changes
from storefront_redis.connection import Address, Connection, ServerError
from storefront_redis.election import View, elected, majority, read_view
from storefront_redis.handover import hand_over
from storefront_redis.layout import REDIS_PORT, Layout, pod_name, recall, remember, resolve_layout
from storefront_redis.metrics import exposition, member_samples
from storefront_redis.ops_server import OpsServer
from storefront_redis.polling import Polled
from storefront_redis.replication import read_replication
from storefront_redis.start_rule import Follow, Lead, Peer, Wait, how_to_start

DATA = Path("/data")
SERVER_OPTIONS = Path("/etc/redis/redis.conf")
ACCESS_LIST = Path("/etc/redis-users/users.acl")
CONFIGURATION = Path("/tmp/redis.conf")  # noqa: S108 - the pod's own volume

Sentinels = Sequence[Polled[View | None]]

_TICK_SECONDS = 0.5
_TIMEOUT_SECONDS = 1.0
_DNS_PATIENCE_SECONDS = 5.0
_ISOLATED_AFTER_SECONDS = 2.0
_ACCESS_LIST_SECONDS = 5.0
_STOP_SECONDS = 10.0
_ELECTABLE_AFTER_SECONDS = 30.0
"""Old data is better than none: so long a replica waits for a primary that may be gone for good."""


class Member:
    """One member; `stop` is set when its pod is to end."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._server: subprocess.Popen[bytes] | None = None
        self._was_complete = False

    def run(self) -> int:
        """Until the server ends; the exit code is the server's, 0 after a stop that was asked for."""
        OpsServer(
            {
                "/livez": self._livez,
                "/readyz": self._readyz,
                "/startupz": self._startupz,
                "/metrics": self._metrics,
            }
        ).start()
        # Held until the server ends: a forced deletion starts the next pod while this one may still run.
        with (DATA / "lock").open("w") as lock:
            if not self._locked(lock):
                return 0
            layout = resolve_layout(recall(DATA / "addresses.json"), _DNS_PATIENCE_SECONDS)
            remember(DATA / "addresses.json", layout)
            me = layout.members[pod_name()]
            sentinels = [
                Polled(_connect(address), read_view, _TICK_SECONDS) for address in layout.sentinels.values()
            ]
            for sentinel in sentinels:
                sentinel.start()
            primary = self._await_start(layout, me, sentinels)
            if self.stop.is_set():
                return 0
            access_list = ACCESS_LIST.read_text()
            _configure(me, primary)
            os.set_inheritable(lock.fileno(), True)
            self._server = subprocess.Popen(
                ["redis-server", str(CONFIGURATION)], stdin=subprocess.DEVNULL, pass_fds=[lock.fileno()]
            )
            return self._supervise(self._server, layout, me, sentinels, access_list)

    def _locked(self, lock: TextIO) -> bool:
        said = False
        while not self.stop.is_set():
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not said:
                    log("the volume is still in use by this pod's predecessor")
                said = True
                self.stop.wait(_TICK_SECONDS / 2)
            else:
                return True
        return False

    def _await_start(self, layout: Layout, me: Address, sentinels: Sentinels) -> Address | None:
        """The primary to follow, or None to be it (or to stop)."""
        has_data = (DATA / "appendonlydir").is_dir()
        others = {name: each for name, each in layout.members.items() if each != me}
        asked_since: float | None = None
        said = ""
        while not self.stop.is_set():
            views = [view for each in sentinels if (view := each.answer(_ISOLATED_AFTER_SECONDS))]
            view = elected(views, len(layout.sentinels))
            now = time.monotonic()
            asked_since = None if view is None else asked_since or now
            is_named = view is not None and view.primary == me
            peers = {name: _peer(address) for name, address in others.items()} if is_named else {}
            decision = how_to_start(me, has_data, view, peers, now - asked_since if asked_since else 0.0)
            match decision:
                case Follow(primary):
                    log(f"starting as replica of {layout.member_at(primary) or primary}")
                    return primary
                case Lead(why):
                    log(f"starting as primary: {why}")
                    return None
                case Wait(why):
                    if why != said:
                        log(f"waiting: {why}")
                    said = why
            self.stop.wait(_TICK_SECONDS / 2)
        return None

    def _supervise(
        self,
        server: subprocess.Popen[bytes],
        layout: Layout,
        me: Address,
        sentinels: Sentinels,
        access_list: str,
    ) -> int:
        isolated = False
        next_look = 0.0
        electable = False
        started = time.monotonic()
        with _connect(Address("127.0.0.1", REDIS_PORT)) as member:
            while not self.stop.wait(_TICK_SECONDS):
                code = server.poll()
                if code is not None:
                    log(f"the server has ended with {code}")
                    return code if code >= 0 else 128 - code
                try:
                    heard = sum(each.answer(_ISOLATED_AFTER_SECONDS) is not None for each in sentinels)
                    cut_off = heard < majority(len(sentinels))
                    if cut_off != isolated:
                        self._fence(member, cut_off)
                        isolated = cut_off  # only now: what has failed is tried again
                    if not electable:
                        electable = self._make_electable(member, time.monotonic() - started)
                    if time.monotonic() >= next_look:
                        next_look = time.monotonic() + _ACCESS_LIST_SECONDS
                        access_list = _refreshed(member, access_list)
                except (OSError, ServerError) as error:
                    log(f"the server does not do as told: {error}")
            # Every change of roles cuts connections like this one, and it would be noticed at the first use only.
            member.close()
            try:
                watchers = [_connect(each) for each in layout.sentinels.values()]
                log(hand_over(member, watchers, me, _connect))
            except (OSError, ServerError) as error:
                log(f"stopping without handing over: {error}")
        server.terminate()
        try:
            server.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        return 0

    def _make_electable(self, member: Connection, running: float) -> bool:
        """A replica that was linked since it started has all data but the latest; else its data is of unknown age."""
        replication = read_replication(member)
        if not (replication.is_primary or replication.linked or running > _ELECTABLE_AFTER_SECONDS):
            return False
        member.call("CONFIG", "SET", "replica-priority", 100)
        return True

    def _fence(self, member: Connection, isolated: bool) -> None:
        """A primary that sees no majority of sentinels may have been replaced: then it takes writes only as long as a
        replica confirms them, which a replica with another primary does not.
        """
        member.call("CONFIG", "SET", "min-replicas-to-write", int(isolated))
        log(
            "cut off from the sentinels: a primary takes no writes without a replica"
            if isolated
            else "not cut off"
        )

    def _livez(self) -> tuple[int, str]:
        if self._server is None:
            return 200, "waiting\n"
        try:
            return 200, _ask("PING") + "\n"
        except ServerError as error:
            return 200, f"{error}\n"  # busy or loading, but alive
        except OSError as error:
            return 503, f"{error}\n"

    def _readyz(self) -> tuple[int, str]:
        try:
            return 200, _ask("PING") + "\n"
        except (OSError, ServerError) as error:
            return 503, f"{error}\n"

    def _startupz(self) -> tuple[int, str]:
        """Once it has been primary or linked to one: so that a rollout does not go on to the primary too early."""
        if not self._was_complete:
            try:
                with _connect(Address("127.0.0.1", REDIS_PORT)) as member:
                    replication = read_replication(member)
            except (OSError, ServerError, LookupError) as error:
                return 503, f"{error}\n"
            self._was_complete = replication.is_primary or replication.linked
        return (200, "started\n") if self._was_complete else (503, "not linked to a primary yet\n")

    def _metrics(self) -> tuple[int, str]:
        try:
            with _connect(Address("127.0.0.1", REDIS_PORT)) as member:
                info = member.info("everything")
        except (OSError, ServerError):
            info = None
        return 200, exposition(member_samples(info))


def _connect(address: Address) -> Connection:
    return Connection(address, credentials.watcher(), _TIMEOUT_SECONDS)


def _ask(command: str) -> str:
    with _connect(Address("127.0.0.1", REDIS_PORT)) as member:
        return str(member.call(command))


def _peer(address: Address) -> Peer:
    try:
        with Connection(address, credentials.watcher(), _TICK_SECONDS) as member:
            if not member.call("DBSIZE"):
                return Peer.EMPTY
            return Peer.SUCCESSOR if read_replication(member).electable else Peer.HOLDS_DATA
    except ServerError:
        return Peer.HOLDS_DATA  # it is loading them
    except OSError:
        return Peer.AWAY


def _configure(me: Address, primary: Address | None) -> None:
    """Write what only this pod knows; the rest is in the mounted options."""
    replicator = credentials.replicator()
    lines = [
        f"include {SERVER_OPTIONS}",
        f"aclfile {ACCESS_LIST}",
        f"masteruser {replicator.username}",
        f"masterauth {replicator.password}",
        f"replica-announce-ip {me.host}",
        f"replica-announce-port {me.port}",
    ]
    if primary is not None:
        # Its data may be old: until it has been linked it is not to be elected, see Member._make_electable.
        lines += [f"replicaof {primary.host} {primary.port}", "replica-priority 0"]
    CONFIGURATION.touch(mode=0o600)
    CONFIGURATION.write_text("\n".join(lines) + "\n")


def _refreshed(member: Connection, access_list: str) -> str:
    """What the server has loaded now; the kubelet exchanges the mounted Secret some time after it changed."""
    mounted = ACCESS_LIST.read_text()
    if mounted != access_list:
        log(f"users changed: {', '.join(apply_changes(member, access_list, mounted))}")
    return mounted


def log(message: str) -> None:
    """One line; never holds a password."""
    print(f"member: {message}", flush=True)


def main() -> int:
    """Run until the pod is to end."""
    member = Member()
    signal.signal(signal.SIGTERM, lambda *_: member.stop.set())
    return member.run()


if __name__ == "__main__":
    sys.exit(main())
