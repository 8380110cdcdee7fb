"""A Storefront under load, and the faults that happen to it."""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from storefront_dev import platform, processes
from storefront_dev.embedded import EmbeddedCluster
from storefront_dev.folders import REPOSITORY
from storefront_dev.progress import Progress

from tests.chaos.stores.account import Table, Window, cost
from tests.chaos.stores.client_pods import NAME, SECRETS, STORES, command, manifests
from tests.chaos.stores.ledgers import Ledgers
from tests.chaos.stores.stores import Stores, container_of
from tests.chaos.waiting import eventually
from tests.e2e.kubectl import Kubectl

KILLED = "leader process killed"
DELETED = "leader pod deleted, grace 0"
UNATTENDED = "the same, operator away"
ROLLED = "rolling change"
OUTAGE = "all pods deleted at once, grace 0"
OFF = "node off"
CUT = "node cut off for 60 s"
CONTROL = "control: a record removed by hand"

ARTIFACT = REPOSITORY / "artifacts/stores.json"

CUT_SECONDS = 60.0
PATIENCE = 240.0
"""Seconds until all must be well again. How long it really takes is in the table."""
_INTERVAL = 1.0


class Trial:
    """Runs the clients, makes faults, and keeps account."""

    def __init__(self, cluster: EmbeddedCluster, kubectl: Kubectl, storefront: str, table: Table) -> None:
        self._cluster = cluster
        self._kubectl = kubectl
        self._storefront = storefront
        self._namespace = f"{storefront}-services"
        self._stores = Stores(kubectl, f"{storefront}-data")
        self._table = table
        self._progress = Progress()
        self._windows: list[Window] = []
        self._read_from_queue: set[str] = set()
        self._known_lost: dict[str, set[str]] = {store: set() for store in STORES}
        self._hits: Counter[tuple[str, str]] = Counter()
        self.fail_over: dict[str, str] = {}
        """What `kubectl get storefront -o wide` said before, during and after the first node was off."""
        self._start_clients()
        self._accounted = time.monotonic()

    def close(self) -> None:
        """Take the clients away."""
        self._kubectl(
            *("-n", self._namespace, "delete", "statefulset,configmap,secret", NAME, "--ignore-not-found")
        )

    # What happens to every store by itself.

    def each_leader(self, fault: str, strike: Callable[[str], None]) -> None:
        """One fault for each store's leader: the next one when the one before writes again."""
        self.well()
        for store, leader in self._stores.leaders().items():
            before = self._incarnation(leader)
            window = Window(store, fault, time.monotonic())
            strike(leader)
            self._windows.append(window)
            self._resumed(window)
            self._runs_anew(leader, before)
        self._end_windows()

    def kill(self, leader: str) -> None:
        """SIGKILL for the first process of the pod's container: all others in it die with it."""
        pid = _first_process(self._incarnation(leader))
        processes.kill([pid], signals=[(signal.SIGKILL, 10)])

    def delete(self, leader: str) -> None:
        """Delete the pod without giving it time."""
        arguments = ("pod", leader, "--grace-period=0", "--force", "--wait=false")
        self._kubectl("-n", self._stores.namespace, "delete", *arguments)

    @contextlib.contextmanager
    def unattended(self) -> Iterator[None]:
        """For as long as the block lasts, there is no operator."""
        operator = (f"deployment/{platform.RELEASE}", f"--namespace={platform.NAMESPACE}")
        replicas = self._kubectl.get(*operator)["spec"]["replicas"]
        self._kubectl("scale", *operator, "--replicas=0")
        pods = ("pods", operator[1], f"--selector=app.kubernetes.io/name={platform.RELEASE}")
        eventually(lambda: not self._kubectl.get(*pods), "the operator is away", PATIENCE)
        try:
            yield
        finally:
            self._kubectl("scale", *operator, f"--replicas={replicas}")
            self._kubectl("rollout", "status", *operator, "--timeout=120s")

    # What happens to all stores at once.

    def roll(self) -> None:
        """A change that every member has to be made anew for: the operator does so, one member of a store at a time."""
        self.well()
        self._open_everywhere(ROLLED)
        mark = secrets.token_hex(4)
        change = {store: {"extraEnv": [{"name": "ROLLED", "value": mark}]} for store in STORES}
        patch = ("--type=merge", "--patch", json.dumps({"spec": change}))
        self._kubectl("patch", "storefront", self._storefront, *patch)
        eventually(
            lambda: not self._stores.without(mark),
            "every member is of the newest template",
            2 * PATIENCE,
            lambda: self._stores.without(mark),
            _INTERVAL,
        )
        self._end_windows()

    def outage(self) -> None:
        """Every pod of every store is deleted without giving it time."""
        self.well()
        self._open_everywhere(OUTAGE)
        arguments = ("--grace-period=0", "--force", "--wait=false")
        self._kubectl("-n", self._stores.namespace, "delete", "pods", *self._stores.pods(), *arguments)
        self._end_windows()

    def node_off(self) -> None:
        """The power of a node that leads fails; it comes back when the others write again."""
        self.well()
        node, leading = self._choose_node(OFF)
        if not self.fail_over:
            self.fail_over["before"] = self._listing()
        windows = self._open(OFF, node, leading)
        self._cluster.stop_node(node)
        known = time.monotonic()
        try:
            for window in windows:
                if window.store in leading:
                    window.known = known
            if "during" not in self.fail_over:
                healthy = self.fail_over["before"].split()[2:]
                self.fail_over["during"] = eventually(
                    lambda: (now := self._listing()).split()[2:] != healthy and now, "a change", PATIENCE
                )
            for window in windows:
                self._resumed(window)
        finally:
            self._cluster.start_node(node)
        self._end_windows()
        self.fail_over.setdefault("after", self._listing())

    def node_cut(self) -> None:
        """A node that leads is cut off for a minute, with its client, and connected again."""
        self.well()
        node, leading = self._choose_node(CUT)
        windows = self._open(CUT, node, leading)
        self._cluster.cut_node(node)
        try:
            self._last_for(CUT_SECONDS, windows)
        finally:
            self._cluster.heal_node(node)
        self._end_windows()

    def api_away(self, seconds: float) -> None:
        """The API server is away for a while; everybody writes on."""
        self.well()
        windows = self._open_everywhere(f"Kubernetes API away for {seconds:.0f} s")
        self._cluster.stop_api()
        try:
            self._last_for(seconds, windows)
        finally:
            self._cluster.start_api()
        self._end_windows()

    # What came of it.

    def read_back(self) -> dict[str, set[str]]:
        """Keys of acknowledged writes that are missing, by store, without those known before; the account of all
        windows since the last time goes into the table.
        """
        lost = {}
        read_at = time.monotonic()
        for store in STORES:
            self.ledgers.refresh()
            acknowledged = {each.key for each in self.ledgers.writes[store]}
            stored = set(self._ask(store, "read").split())
            if store == "rabbitmq":
                self._read_from_queue |= stored
                stored = self._read_from_queue
            lost[store] = acknowledged - stored - self._known_lost[store]
            self._known_lost[store] |= lost[store]
        for window in self._windows:
            window.ended = min(window.ended, read_at)
            observations = self.ledgers.observations if window.store == "elasticsearch" else []
            self._table.costs.append(
                cost(window, self.ledgers.writes[window.store], lost[window.store], observations)
            )
        self._windows.clear()
        self._accounted = read_at
        self._table.write(ARTIFACT, fail_over=self.fail_over)
        return lost

    def remove_one(self, store: str) -> str:
        """Remove an acknowledged record by hand; returns its key."""
        # What is removed may be any record since the last account.
        window = Window(store, CONTROL, self._accounted)
        self._windows.append(window)
        now = time.monotonic()
        eventually(lambda: max(self.ledgers.last(store).values()) > now, f"{store} takes writes", PATIENCE)
        newest = self.ledgers.writes[store][-1].key
        return self._ask(store, "remove", newest).strip()

    def well(self) -> None:
        """Wait until every store is whole, and every client writes to every store."""
        eventually(
            lambda: not self._stores.ailment(), "all is well", PATIENCE, self._stores.ailment, _INTERVAL
        )
        now = time.monotonic()
        eventually(
            lambda: not self._silent(now),
            "every client writes",
            PATIENCE,
            lambda: self._silent(now),
            _INTERVAL,
        )

    def _start_clients(self) -> None:
        passwords = {store: self._stores.passwords[secret] for store, secret in SECRETS.items()}
        self._kubectl.apply(*manifests(self._namespace, passwords))
        status = ("rollout", "status", f"statefulset/{NAME}", "--timeout=120s")
        self._kubectl("-n", self._namespace, *status)
        claims = self._kubectl.get("-n", self._namespace, "persistentvolumeclaims")
        volumes = {each["metadata"]["name"]: each["spec"]["volumeName"] for each in claims}
        pods = self._kubectl.get("-n", self._namespace, "pods", "-l", f"app.kubernetes.io/name={NAME}")
        self._clients = {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in pods}
        self.ledgers = Ledgers(
            {
                client: self._cluster.volume(node, volumes[f"ledger-{client}"])
                for client, node in self._clients.items()
            }
        )

    def _open(self, fault: str, node: str, leading: set[str]) -> list[Window]:
        beyond = next(client for client, where in self._clients.items() if where == node)
        windows = [
            Window(store, f"{fault}: {_role(store in leading)}", time.monotonic(), beyond=beyond)
            for store in STORES
        ]
        self._windows += windows
        return windows

    def _open_everywhere(self, fault: str) -> list[Window]:
        windows = [Window(store, fault, time.monotonic()) for store in STORES]
        self._windows += windows
        return windows

    def _end_windows(self) -> None:
        self.well()
        ended = time.monotonic()
        self._progress(f"all is well again after: {self._windows[-1].fault}")
        for window in self._windows:
            window.ended = min(window.ended, ended)

    def _resumed(self, window: Window) -> None:
        """Wait until clients, those beyond the fault aside, are acknowledged what they wrote after it."""
        self._written_after((window.known or window.began) + 1.0, window)

    def _written_after(self, after: float, window: Window) -> None:

        def resumed() -> bool:
            last = self.ledgers.last(window.store)
            return any(time > after for client, time in last.items() if client != window.beyond)

        eventually(resumed, f"{window.store} takes writes again: {window.fault}", PATIENCE, interval=0.1)

    def _last_for(self, seconds: float, windows: list[Window]) -> None:
        """Let a fault last, and see that every store takes writes at its end."""
        began = time.monotonic()
        eventually(
            lambda: time.monotonic() > began + seconds, "time passes", seconds + 10, interval=_INTERVAL
        )
        ended = time.monotonic()
        for window in windows:
            self._written_after(ended, window)

    def _choose_node(self, fault: str) -> tuple[str, set[str]]:
        """The node whose leaders this fault has hit least, and the stores that lead there."""
        pods = self._stores.pods()
        led: dict[str, set[str]] = {}
        for store, leader in self._stores.leaders().items():
            led.setdefault(pods[leader]["spec"]["nodeName"], set()).add(store)
        chosen = max(led, key=lambda node: sum(0.5 ** self._hits[fault, store] for store in led[node]))
        self._hits.update((fault, store) for store in led[chosen])
        return chosen, led[chosen]

    def _incarnation(self, pod: str) -> str:
        """The id of the container that runs in a pod, or nothing."""
        found = self._stores.pods().get(pod)
        return container_of(found) if found else ""

    def _runs_anew(self, pod: str, before: str) -> None:
        """Wait until a pod has another container than before."""
        eventually(
            lambda: self._incarnation(pod) not in ("", before),
            f"{pod} runs anew",
            PATIENCE,
            interval=_INTERVAL,
        )

    def _silent(self, since: float) -> list[str]:
        """Clients that were acknowledged nothing since then."""
        return [
            f"{client} to {store}"
            for store in STORES
            for client in self._clients
            if self.ledgers.last(store).get(client, 0) < since
        ]

    def _listing(self) -> str:
        return self._kubectl("get", "storefront", self._storefront, "-o", "wide")

    def _ask(self, store: str, *arguments: str) -> str:
        return self._kubectl(
            *("-n", self._namespace, "exec", f"{NAME}-0", "-c", store, "--"), *command(store, *arguments)
        )


def _role(leads: bool) -> str:
    return "the leader's" if leads else "a member's"


def _first_process(container: str) -> int:
    """The host's number of the process that is number 1 in a container."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if container in (folder / "cgroup").read_text() and _is_first((folder / "status").read_text()):
                return int(folder.name)
        except OSError:  # gone meanwhile
            continue
    raise AssertionError(f"no process of container {container}")


def _is_first(status: str) -> bool:
    numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
    return numbers[-1] == "1" and len(numbers) > 1
