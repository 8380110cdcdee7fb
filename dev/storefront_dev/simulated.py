"""The simulated cluster: a real control plane whose nodes and pods exist in its API only, played by kwok.

It needs no privileges. Where a machine can carry no nodes it shows what the operator does, though no shop runs.
"""

import shutil
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

from lightkube import codecs

from storefront_dev import addons, folders, locks, processes, registration, usage, waiting
from storefront_dev.binaries import Binaries, binaries
from storefront_dev.clusters import Status
from storefront_dev.control_plane import ControlPlane
from storefront_dev.errors import ClusterError
from storefront_dev.progress import Progress
from storefront_dev.topology import NODES, Node

STAGES = folders.REPOSITORY / "dev/kwok"
"""What kwok does to objects, as kubelets, Patroni, a provisioner and a cloud would: one file a player."""
STORAGE_CLASS = "simulated"
# A quarter of it is the time between renewals, which must fit several times into the controllers' patience.
_LEASE_SECONDS = 20
_NODE_RESOURCES = {"cpu": "64", "memory": "256Gi", "pods": "500"}
_SAMPLE_SECONDS = 5.0


class SimulatedCluster:
    """The simulated cluster of this user; `lacks` is what keeps the machine from carrying real nodes, where that
    is why this one was chosen. Every method may be called from any process; a lock keeps them apart.

    As a context manager it is one that belongs to this process.
    """

    name = "simulated"
    disposable = True
    runs_pods = False

    def __init__(
        self, folder: Path | None = None, progress: Progress | None = None, *, lacks: Sequence[str] = ()
    ) -> None:
        self.folder = folder or folders.state() / "simulated"
        self._progress = progress or Progress()
        self._lacks = lacks
        self._control_plane = ControlPlane(self.folder / "control-plane", nodes=True)

    def __enter__(self) -> Self:
        self._control_plane.bind()
        with ExitStack() as undo:
            undo.callback(self.down)
            self.up()
            undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    @property
    def kubeconfig(self) -> Path:
        return self._control_plane.kubeconfig

    @property
    def caveat(self) -> str:
        why = "CLUSTER=simulated says so"
        if self._lacks:
            first, *others = self._lacks
            why = f"this machine cannot carry nodes, it lacks {first}"
            if others:
                why += f" (and {len(others)} more, see `make cluster-up CLUSTER=embedded`)"
        return (
            f"Pods are simulated, because {why}. Therefore not shown: pages, data stores, fail-over; "
            "tests that need them are skipped."
        )

    def up(self) -> None:
        with locks.exclusive(self.folder, self._progress):
            programs = binaries(self._progress)
            began = time.monotonic()
            self._restart_if_built_anew(programs)
            self._control_plane.start(self._progress)
            self._progress("API server is ready")
            with addons.client(self.kubeconfig) as client:
                for manifest in manifests():
                    client.apply(codecs.from_dict(manifest), force=True)
                self._start_kwok(programs)
                for each in NODES:
                    ready = partial(registration.ready, client, each.name)
                    self._wait("kwok", ready, f"{each.name} is ready")
            self._progress(f"{len(NODES)} simulated nodes are ready ({time.monotonic() - began:.1f} s)")
            self._control_plane.wait_controllers()
            self._progress(f"cluster is up; KUBECONFIG={self.kubeconfig}")

    def down(self) -> None:
        with locks.exclusive(self.folder, self._progress):
            processes.kill(self._pids(), signals=[(signal.SIGKILL, 10)])
            shutil.rmtree(self.folder, ignore_errors=True)
            if found := self.leftovers():
                raise ClusterError(
                    "`cluster down` left behind:\n" + "\n".join(f"  - {each}" for each in found)
                )
            self._progress("cluster is down; nothing is left of it")

    def leftovers(self) -> list[str]:
        """What of the cluster is on this machine, one line each: nothing after `down`."""
        found = [f"process {pid}" for pid in self._pids()]
        if self.folder.exists():
            found.append(f"folder {self.folder}")
        return found

    def status(self) -> Status:
        roles = processes.running(self._control_plane.state_dir)
        if not roles:
            return Status({}, ["the simulated cluster is down"])
        lines = [f"{role}: running" for role in roles]
        ready = {}
        if not self._control_plane.ready():
            lines.append(f"the API server does not answer; see {self._control_plane.log('kube-apiserver')}")
        else:
            with addons.client(self.kubeconfig) as client:
                ready = {each.name: registration.ready(client, each.name) for each in NODES}
        for each in NODES:
            state = "ready" if ready.get(each.name) else "not ready"
            lines.append(f"{each.name} (zone {each.zone}, simulated): {state}")
        return Status(ready, [*lines, f"KUBECONFIG={self.kubeconfig}"])

    def cost(self) -> list[str]:
        return usage.lines(self._pids(), _SAMPLE_SECONDS)

    def load_images(self, archives: Sequence[Path]) -> None:
        """Nothing: no pod here takes its image from anywhere."""

    def stop_node(self, name: str) -> None:
        self._refuse("no node can be switched off")

    def start_node(self, name: str) -> None:
        self._refuse("no node can be switched on")

    def cut_node(self, name: str) -> None:
        self._refuse("no node has a network")

    def heal_node(self, name: str) -> None:
        self._refuse("no node has a network")

    def url(self, host: str, tls: bool = False) -> str:
        self._refuse(f"nothing answers at {host}")

    def run_operator(self, service_account: str, environment: Mapping[str, str]) -> None:
        """Run the operator of this Python environment as a process, with the rights of a service account
        (`<namespace>:<name>`); one that runs already is replaced. Returns when it serves.
        """
        control_plane = self._control_plane
        running = processes.running(control_plane.state_dir).get("operator", [])
        processes.kill(running, signals=[(signal.SIGTERM, 20), (signal.SIGKILL, 5)])
        kubeconfig = control_plane.credentials(
            f"operator-{service_account.replace(':', '-')}", user=f"system:serviceaccount:{service_account}"
        )
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        program = Path(sys.executable).with_name("storefront")
        command: list[str | Path] = [program, "operator", f"--kubeconfig={kubeconfig}", f"--ops-port={port}"]
        control_plane.run("operator", command, environment)
        self._wait("operator", lambda: _serves(port), "the operator serves")

    def _start_kwok(self, programs: Binaries) -> None:
        control_plane = self._control_plane
        if "kwok" in processes.running(control_plane.state_dir):
            return
        # It is every kubelet, the cloud and Patroni in one, which together may do nearly everything.
        kubeconfig = control_plane.credentials("kwok", user="storefront-dev:kwok", groups=("system:masters",))
        options = [
            f"--kubeconfig={kubeconfig}",
            "--manage-all-nodes=true",
            f"--node-lease-duration-seconds={_LEASE_SECONDS}",
            *(f"--config={path}" for path in sorted(STAGES.glob("*.yaml"))),
        ]
        # Or it would read stages that somebody has in their home for clusters of their own.
        environment = {"KWOK_WORKDIR": str(self.folder / "kwok")}
        control_plane.run("kwok", [programs["kwok"], *options], environment)

    def _wait(self, role: str, condition: Callable[[], bool], what: str) -> None:
        """Return when the condition holds; raise ClusterError as soon as the program has ended."""
        control_plane = self._control_plane

        def detail() -> str:
            return processes.last_lines(control_plane.log(role))

        def holds() -> bool:
            if role not in processes.running(control_plane.state_dir):
                raise ClusterError(f"{role} has ended\n{detail()}")
            return condition()

        waiting.until(holds, what, seconds=60, detail=detail)

    def _restart_if_built_anew(self, programs: Binaries) -> None:
        """Programs and stages of another build are replaced; what they stored stays."""
        record = self.folder / "build"
        self.folder.mkdir(parents=True, exist_ok=True)
        build = "\n".join(
            [str(programs.folder), *(path.read_text() for path in sorted(STAGES.glob("*.yaml")))]
        )
        if record.exists() and record.read_text() != build:
            self._progress("the programs were built anew: restarting the cluster")
            self._control_plane.stop()
        record.write_text(build)

    def _pids(self) -> list[int]:
        return [pid for pids in processes.running(self._control_plane.state_dir).values() for pid in pids]

    def _refuse(self, what: str) -> NoReturn:
        raise ClusterError(f"pods and nodes of this cluster are simulated: {what}")


def manifests() -> list[dict[str, Any]]:
    """The nodes, and the storage class of their volumes."""
    storage_class = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "simulated.storefront.dev",
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Delete",
    }
    return [storage_class, *(_node(each) for each in NODES)]


def _node(node: Node) -> dict[str, Any]:
    labels = {
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/zone": node.zone,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "spec": {"podCIDR": node.pod_network},
        "status": {
            "capacity": _NODE_RESOURCES,
            "allocatable": _NODE_RESOURCES,
            # Who asks a kubelet for logs is refused at once: none listens.
            "addresses": [
                {"type": "InternalIP", "address": "127.0.0.1"},
                {"type": "Hostname", "address": node.name},
            ],
        },
    }


def _serves(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
