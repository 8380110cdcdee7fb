"""Runs next to each sentinel: the labels of the members' pods follow the election, whoever else is away.

All labellers do the same and need no leader: each asks all sentinels, and what a majority knows is the same for all.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping

from storefront_redis import credentials
from storefront_redis.access_list import read_passwords
from storefront_redis.connection import Address, Connection, ServerError
from storefront_redis.election import View, elected, read_unreachable, read_view, reconnect
from storefront_redis.layout import SENTINEL_PORT, Layout, pod_name, resolve_layout
from storefront_redis.metrics import exposition, sentinel_samples
from storefront_redis.ops_server import OpsServer
from storefront_redis.pods import ApiError, Pods
from storefront_redis.polling import Polled
from storefront_redis.replication import Replication, read_replication
from storefront_redis.roles import ACCESS_LIST, Demote, Promote, corrections, wanted_labels

_TICK_SECONDS = 0.25
_PASSWORDS_SECONDS = 2.0
_TIMEOUT_SECONDS = 1.0
_FRESH_SECONDS = 1.5
_DEMOTE_AFTER_SECONDS = 0.5
"""Long enough for every sentinel to be asked twice."""
_PROMOTE_AFTER_SECONDS = 5.0
"""Longer than any fail-over leaves the members without a primary."""
_RECONNECT_AFTER_SECONDS = 2.0
_RETRY_SECONDS = 1.0
_STUCK_SECONDS = 60.0
_THREAD_STACK_BYTES = 256 * 1024


class Labeller:
    """One of the labellers; `stop` is set when its pod is to end."""

    def __init__(self, layout: Layout, pods: Pods) -> None:
        self.stop = threading.Event()
        self._layout = layout
        self._pods = pods
        self._login = credentials.watcher()
        own = layout.sentinels[pod_name()]
        own_sentinel = Address("127.0.0.1", SENTINEL_PORT)
        self._unreachable = Polled(self._connect(own_sentinel), read_unreachable, 2 * _TICK_SECONDS)
        self._sentinels = {
            name: self._polled_view(own_sentinel if address == own else address)
            for name, address in layout.sentinels.items()
        }
        self._members = {
            name: Polled(self._connect(address), read_replication, _TICK_SECONDS)
            for name, address in layout.members.items()
        }
        self._passwords = {
            name: Polled(self._connect(address), read_passwords, _PASSWORDS_SECONDS)
            for name, address in layout.members.items()
        }
        self._stuck_since: float | None = None
        self._wrong_since: dict[Demote | Promote, float] = {}
        self._not_before = 0.0
        self._last_tick = time.monotonic()

    def run(self) -> None:
        """Until `stop` is set."""
        OpsServer({"/livez": self._livez, "/readyz": self._livez, "/metrics": self._metrics}).start()
        self._pods.start()
        self._unreachable.start()
        for sentinel in self._sentinels.values():
            sentinel.start()
        for member in self._members.values():
            member.start()
        for passwords in self._passwords.values():
            passwords.start()
        while not self.stop.is_set():
            self._tick()
            self._last_tick = time.monotonic()
            self._pods.changed.wait(_TICK_SECONDS)
            self._pods.changed.clear()

    def _tick(self) -> None:
        members = {
            name: answer for name, each in self._members.items() if (answer := each.answer(_FRESH_SECONDS))
        }
        self._free_sentinel(members)
        view = self._elected()
        if view is None:
            self._wrong_since.clear()
            return
        self._label(view, members)
        self._correct(view, members)

    def _label(self, view: View, members: Mapping[str, Replication]) -> None:
        if time.monotonic() < self._not_before:
            return
        labels = {name: pod.labels for name, pod in self._pods.current().items()}
        changes = wanted_labels(self._layout, view, members, labels)
        for name, each in self._passwords.items():
            accepted = each.answer(2 * _PASSWORDS_SECONDS)
            if accepted and name in labels and labels[name].get(ACCESS_LIST) != accepted:
                changes[name] = {**changes.get(name, {}), ACCESS_LIST: accepted}
        for name, change in changes.items():
            try:
                self._pods.label(name, change)
            except (OSError, ApiError) as error:
                log(f"cannot label {name}: {error}")
                self._not_before = time.monotonic() + _RETRY_SECONDS
            else:
                log(f"{name}: {', '.join(f'{label}={value}' for label, value in change.items())}")

    def _correct(self, view: View, members: Mapping[str, Replication]) -> None:
        now = time.monotonic()
        wrong = corrections(self._layout, view, members)
        self._wrong_since = {each: self._wrong_since.get(each, now) for each in wrong}
        for each, since in list(self._wrong_since.items()):
            patience = _DEMOTE_AFTER_SECONDS if isinstance(each, Demote) else _PROMOTE_AFTER_SECONDS
            if now - since < patience:
                continue
            del self._wrong_since[each]
            try:
                self._correct_member(each)
            except (OSError, ServerError) as error:
                log(f"{each.member} does not do as told: {error}")

    def _correct_member(self, correction: Demote | Promote) -> None:
        with self._connect(self._layout.members[correction.member]) as member:
            if isinstance(correction, Promote):
                member.call("REPLICAOF", "NO", "ONE")
                log(f"{correction.member} is elected and nobody is primary: made it the primary")
            else:
                member.call("REPLICAOF", correction.primary.host, correction.primary.port)
                # Clients that are connected would go on writing to the wrong member, and be refused.
                member.call("CLIENT", "KILL", "TYPE", "normal")
                log(f"{correction.member} claimed to be primary: made it a replica of {correction.primary}")

    def _free_sentinel(self, members: Mapping[str, Replication]) -> None:
        """Let the own sentinel see the members that can be reached.

        It gives a connection 15 s, even one to a pod that was replaced in the meantime, and takes its member for down.
        """
        down = self._unreachable.answer(_FRESH_SECONDS) or frozenset()
        wrongly = [name for name in members if self._layout.members[name] in down]
        now = time.monotonic()
        if not wrongly:
            self._stuck_since = None
        elif self._stuck_since is None:
            self._stuck_since = now
        elif now - self._stuck_since > _RECONNECT_AFTER_SECONDS:
            self._stuck_since = None
            try:
                with self._connect(Address("127.0.0.1", SENTINEL_PORT)) as sentinel:
                    reconnect(sentinel, self._login.password)
            except (OSError, ServerError) as error:
                log(f"the sentinel does not do as told: {error}")
            else:
                log(f"the sentinel did not see {', '.join(wrongly)}: made it connect anew")

    def _elected(self) -> View | None:
        views = [view for each in self._sentinels.values() if (view := each.answer(_FRESH_SECONDS))]
        return elected(views, len(self._layout.sentinels))

    def _polled_view(self, address: Address) -> Polled[View | None]:
        return Polled(self._connect(address), read_view, _TICK_SECONDS)

    def _connect(self, address: Address) -> Connection:
        return Connection(address, self._login, _TIMEOUT_SECONDS)

    def _livez(self) -> tuple[int, str]:
        idle = time.monotonic() - self._last_tick
        return (200, "working\n") if idle < _STUCK_SECONDS else (503, f"stuck for {idle:.0f} s\n")

    def _metrics(self) -> tuple[int, str]:
        view = self._elected()
        own = self._sentinels[pod_name()].answer(_FRESH_SECONDS)
        primary = self._layout.member_at(view.primary) if view else None
        return 200, exposition(sentinel_samples(own, view, primary))


def log(message: str) -> None:
    """One line."""
    print(f"labeller: {message}", flush=True)


def main() -> int:
    """Run until the pod is to end."""
    threading.stack_size(_THREAD_STACK_BYTES)
    labeller = Labeller(resolve_layout({}, 0.0), Pods.of_service_account(os.environ["POD_SELECTOR"]))
    signal.signal(signal.SIGTERM, lambda *_: labeller.stop.set())
    labeller.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
