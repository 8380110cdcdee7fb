"""The embedded cluster: a control plane and three nodes in three zones on this one machine."""

import contextlib
import datetime
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lightkube import Client

from storefront_dev import (
    addons,
    cgroups,
    containerd,
    folders,
    locks,
    metrics_server,
    network,
    preflight,
    processes,
    registration,
    usage,
    waiting,
)
from storefront_dev.binaries import Binaries, binaries
from storefront_dev.clusters import Status
from storefront_dev.control_plane import ControlPlane
from storefront_dev.errors import ClusterError, MachineError
from storefront_dev.node import Machine
from storefront_dev.progress import Progress
from storefront_dev.topology import API_PORT, HOST_ADDRESS, HTTP_PORT, HTTPS_PORT, NODES, node

_SAMPLE_SECONDS = 5.0


class EmbeddedCluster:
    """The embedded cluster of this user. Every method may be called from any process; a lock keeps them
    apart.
    """

    name = "embedded"
    disposable = True
    runs_pods = True
    caveat = ""

    def __init__(self, folder: Path | None = None, progress: Progress | None = None) -> None:
        # Where some shells of root do not look, and the network programs are.
        os.environ["PATH"] = folders.search_path()
        self.folder = folder or folders.state() / "embedded"
        self._progress = progress or Progress()
        self._control_plane = ControlPlane(
            self.folder / "control-plane", address=HOST_ADDRESS, port=API_PORT, nodes=True
        )
        self._machines = {each.name: Machine(each, self.folder / "nodes" / each.name) for each in NODES}

    @property
    def kubeconfig(self) -> Path:
        return self._control_plane.kubeconfig

    def url(self, host: str, tls: bool = False) -> str:
        return f"https://{host}:{HTTPS_PORT}" if tls else f"http://{host}:{HTTP_PORT}"

    def up(self) -> None:
        with locks.exclusive(self.folder, self._progress):
            self._require_sole()
            preflight.prepare(self._progress)
            programs = binaries(self._progress)
            seed = self._seed(programs)
            # From here on everything is there that a start needs: this is what the budget is about.
            began = time.monotonic()
            self._restart_if_built_anew(programs)
            self._require_ports()
            network.create()
            self._control_plane.prepare()
            with ThreadPoolExecutor(1) as pool:
                control_plane = pool.submit(self._control_plane.start, self._progress)
                for machine in self._machines.values():
                    machine.install(self._control_plane, programs, seed, addons.PAUSE_IMAGE)
                control_plane.result()
            self._progress("API server is ready")
            off = [each for each in self._machines.values() if not each.on]
            since = datetime.datetime.now(datetime.UTC)
            for machine in off:
                machine.start()
            with addons.client(self.kubeconfig) as client:
                addons.apply(client)
                # Before the nodes are ready: their pods may connect only when the agent has written their rules.
                self._start_agent()
                for machine in self._machines.values():
                    self._wait_node(client, machine, since if machine in off else None)
                ready = time.monotonic() - began
                self._progress(f"{len(self._machines)} nodes are ready ({ready:.1f} s of a budget of 15 s)")
                metrics_server.start(self._control_plane, programs)
                metrics_server.register(client, self._control_plane)
                self._control_plane.wait_controllers()
                waiting.until(
                    lambda: addons.dns_ready(client, len(NODES)), "CoreDNS is ready on every node", seconds=60
                )
            self._progress(f"cluster is up; KUBECONFIG={self.kubeconfig}")

    def down(self) -> None:
        with locks.exclusive(self.folder, self._progress):
            self._require_sole()
            pids = [
                pid
                for owner in self.folders()
                for found in processes.running(owner).values()
                for pid in found
            ]
            processes.kill(pids, signals=[(signal.SIGKILL, 10)])
            network.remove()
            for each in NODES:
                cgroups.remove(each.cgroup)
            shutil.rmtree(self.folder, ignore_errors=True)
            if found := self.leftovers():
                raise ClusterError(
                    "`cluster down` left behind:\n" + "\n".join(f"  - {each}" for each in found)
                )
            self._progress("cluster is down; nothing is left of it")

    def leftovers(self) -> list[str]:
        """What of the cluster is on this machine, one line each: nothing after `down`."""
        found = [
            f"process {pid} ({role})"
            for owner in self.folders()
            for role, pids in processes.running(owner).items()
            for pid in pids
        ]
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        found += [f"mount {line.split()[4]}" for line in mounts if str(self.folder) in line]
        found += network.leftovers()
        found += [f"control group {path}" for each in NODES for path in cgroups.existing(each.cgroup)]
        if self.folder.exists():
            found.append(f"folder {self.folder}")
        return found

    def status(self) -> Status:
        roles = processes.running(self._control_plane.state_dir)
        if not roles:
            return Status({}, ["the embedded cluster is down"])
        lines = [f"{role}: running" for role in roles]
        ready = {}
        if not self._control_plane.ready():
            lines.append(f"the API server does not answer; see {self._control_plane.log('kube-apiserver')}")
        else:
            with addons.client(self.kubeconfig) as client:
                ready = {each.name: registration.ready(client, each.name) for each in NODES}
        for each in NODES:
            state = (
                "off"
                if not self._machines[each.name].on
                else "cut off from the network"
                if network.is_cut(each)
                else "ready"
                if ready.get(each.name)
                else "not ready"
            )
            lines.append(f"{each.name} (zone {each.zone}, {each.address}): {state}")
        lines.append(f"KUBECONFIG={self.kubeconfig}")
        return Status(ready, lines)

    def cost(self) -> list[str]:
        pids = [
            pid for owner in self.folders() for found in processes.running(owner).values() for pid in found
        ]
        return usage.lines(pids, _SAMPLE_SECONDS)

    def load_images(self, archives: Sequence[Path]) -> None:
        """Into every node, switched on or off; before the first `up`, into the store that nodes are made
        from.
        """
        with locks.exclusive(self.folder, self._progress):
            began = time.monotonic()
            with contextlib.ExitStack() as stores:
                served = []
                for socket_path, root in self._stores():
                    if not processes.running(root.parent).get("machine"):
                        socket_path = stores.enter_context(containerd.serving(root, addons.PAUSE_IMAGE))
                    served.append((socket_path, root))
                # In the store that nodes are made from it is done once for all of them.
                loaded = containerd.load_everywhere(served, archives, unpack=len(served) == 1)
            new = sorted({name for names in loaded for name in names})
            self._progress(
                f"loaded {', '.join(new)} in {time.monotonic() - began:.1f} s"
                if new
                else "every image is loaded already"
            )

    def stop_node(self, name: str) -> None:
        machine = self._machines[node(name).name]
        with locks.exclusive(self.folder, self._progress):
            self._require_up()
            began = time.monotonic()
            # First the cable: a machine without power sends no farewell, and no refusal either.
            network.disconnect(machine.node)
            machine.stop()
            # A cloud's controllers would see that the machine is off and say so, which frees its pods.
            with addons.client(self.kubeconfig) as client:
                registration.set_out_of_service(client, name, True)
            self._progress(f"{name} is off ({time.monotonic() - began:.1f} s)")

    def start_node(self, name: str) -> None:
        machine = self._machines[node(name).name]
        with locks.exclusive(self.folder, self._progress):
            self._require_up()
            began = time.monotonic()
            since = None if machine.on else datetime.datetime.now(datetime.UTC)
            network.connect(machine.node)
            machine.start()
            with addons.client(self.kubeconfig) as client:
                self._wait_node(client, machine, since)
            self._progress(f"{name} is ready ({time.monotonic() - began:.1f} s)")

    def cut_node(self, name: str) -> None:
        """Cut a node that runs off from the network, as a broken switch would: nobody is told."""
        machine = self._machines[node(name).name]
        with locks.exclusive(self.folder, self._progress):
            self._require_up()
            if not machine.on:
                raise ClusterError(f"{name} is off; start it with `storefront-dev cluster start-node {name}`")
            network.cut(machine.node)
            self._progress(f"{name} is cut off from the network")

    def heal_node(self, name: str) -> None:
        """Connect a node that was cut off, and return when it is ready."""
        machine = self._machines[node(name).name]
        with locks.exclusive(self.folder, self._progress):
            self._require_up()
            began = time.monotonic()
            since = datetime.datetime.now(datetime.UTC)
            network.connect(machine.node)
            with addons.client(self.kubeconfig) as client:
                self._wait_node(client, machine, since)
            self._progress(f"{name} is connected and ready ({time.monotonic() - began:.1f} s)")

    def stop_api(self) -> None:
        """Kill the API server and keep it away; what runs on the nodes runs on."""
        with locks.exclusive(self.folder, self._progress):
            self._control_plane.stop_apiserver()
            self._progress("the API server is away")

    def start_api(self) -> None:
        """Start the API server again and return when it is ready."""
        with locks.exclusive(self.folder, self._progress):
            self._control_plane.start_apiserver()
            self._progress("the API server is back")

    def volume(self, node_name: str, volume: str) -> Path:
        """Where this machine has a PersistentVolume of a node, whether that node is reachable or not."""
        return self._machines[node(node_name).name].volumes / volume

    def _stores(self) -> list[tuple[Path, Path]]:
        """The sockets and roots of the image stores that there are, one being made when there is none."""
        machines = list(self._machines.values())
        if not all(machine.store[1].exists() for machine in machines):
            preflight.prepare(self._progress)
            return [(Path(), self._seed(binaries(self._progress)))]
        return [machine.store for machine in machines]

    def _seed(self, programs: Binaries) -> Path:
        """The store that this cluster's nodes begin with."""
        seed = self.folder / "seed"
        if not seed.exists():
            seed.parent.mkdir(parents=True, exist_ok=True)
            containerd.clone(containerd.seed(addons.images(programs), addons.PAUSE_IMAGE), seed)
        return seed

    def folders(self) -> list[Path]:
        """The owners of the cluster's processes: the control plane's folder and each machine's."""
        return [self._control_plane.state_dir, *(machine.folder for machine in self._machines.values())]

    def _restart_if_built_anew(self, programs: Binaries) -> None:
        """Programs and images of another build are replaced; what they stored stays."""
        record = self.folder / "build"
        self.folder.mkdir(parents=True, exist_ok=True)
        if record.exists() and record.read_text() != str(programs.folder):
            self._progress("the programs were built anew: restarting the cluster")
            for machine in self._machines.values():
                machine.stop()
            self._control_plane.stop()
            for root in (self.folder / "seed", *(machine.store[1] for machine in self._machines.values())):
                if root.exists():
                    with containerd.serving(root, addons.PAUSE_IMAGE) as served:
                        containerd.load(served, root, addons.images(programs))
        record.write_text(str(programs.folder))

    def _require_sole(self) -> None:
        """Bridges and addresses have fixed names, so one machine carries one embedded cluster."""
        for owner in processes.owners("machine"):
            if not owner.is_relative_to(self.folder):
                other = owner.parent.parent.parent
                raise ClusterError(
                    f"another embedded cluster runs on this machine, from {other}; "
                    f"to remove it: STOREFRONT_STATE={other} storefront-dev cluster down"
                )

    def _require_ports(self) -> None:
        if "agent" in processes.running(self._control_plane.state_dir):
            return
        lacks = []
        for port in (HTTP_PORT, HTTPS_PORT):
            try:
                socket.create_server(("127.0.0.1", port)).close()
            except OSError as error:
                lacks.append(
                    f"port {port} on 127.0.0.1, where LoadBalancer Services appear: {error.strerror}"
                )
        if lacks:
            raise MachineError(lacks)

    def _require_up(self) -> None:
        if not self._control_plane.kubeconfig.exists() or not self._control_plane.ready():
            raise ClusterError("the embedded cluster is not up; start it with `storefront-dev cluster up`")

    def _start_agent(self) -> None:
        control_plane = self._control_plane
        if "agent" in processes.running(control_plane.state_dir):
            return
        kubeconfig = control_plane.credentials("agent", user="storefront-dev:agent")
        command = [sys.executable, "-m", "storefront_dev.agent", str(kubeconfig), str(self.folder / "nodes")]
        pid = processes.start(control_plane.state_dir, "agent", command, control_plane.log("agent"))

        def detail() -> str:
            return processes.last_lines(control_plane.log("agent"))

        def listening() -> bool:
            if not processes.alive(pid):
                raise ClusterError(f"the agent has ended\n{detail()}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", HTTP_PORT)) == 0

        waiting.until(listening, f"the agent listens on port {HTTP_PORT}", seconds=20, detail=detail)

    def _wait_node(self, client: Client, machine: Machine, since: datetime.datetime | None) -> None:
        waiting.until(
            lambda: registration.ready(client, machine.node.name, since),
            f"{machine.node.name} is ready",
            seconds=90,
            detail=machine.last_lines,
        )
        registration.set_out_of_service(client, machine.node.name, False)
