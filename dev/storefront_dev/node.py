"""One node: a containerd, a kubelet and a kube-proxy with process, mount and network namespaces of their
own.
"""

import shutil
import signal
from pathlib import Path

from storefront_dev import cgroups, containerd, node_config, processes
from storefront_dev.agent import nftables
from storefront_dev.binaries import Binaries
from storefront_dev.control_plane import ControlPlane
from storefront_dev.topology import Node

_CNI_PROGRAMS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
_NODES_SHARING_THE_MACHINE = 3


class Machine:
    """The node's machine: its files are under `folder`, and it is on while its process 1 lives."""

    def __init__(self, node: Node, folder: Path) -> None:
        self.node = node
        self.folder = folder
        self.volumes = folder / "volumes"
        self.logs = folder / "logs"

    @property
    def on(self) -> bool:
        """Whether the machine runs."""
        return bool(processes.running(self.folder).get("machine"))

    @property
    def store(self) -> tuple[Path, Path]:
        """The socket and the root folder of its containerd."""
        return self.folder / "run/containerd/containerd.sock", self.folder / "containerd"

    def install(self, control_plane: ControlPlane, binaries: Binaries, seed: Path, pause_image: str) -> None:
        """Write configuration and credentials, and fill the image store of a new machine."""
        configuration = self.folder / "configuration"
        (configuration / "cni").mkdir(parents=True, exist_ok=True)
        for each in (self.logs, self.volumes):
            each.mkdir(exist_ok=True)
        node = self.node
        user = f"system:node:{node.name}"
        credentials = control_plane.credentials(f"kubelet-{node.name}", user=user, groups=("system:nodes",))
        authority = control_plane.authority
        serving = authority.issue(f"serving-{node.name}", user=user, names=[node.address, node.name])
        proxy = control_plane.credentials("kube-proxy", user="system:kube-proxy")
        files = {
            "containerd.toml": node_config.containerd(
                cni_programs=cni_programs() or _CNI_PROGRAMS[0],
                cni_configuration=configuration / "cni",
                pause_image=pause_image,
                root="/var/lib/containerd",
                state="/run/containerd",
            ),
            "cni/10-pods.conflist": node_config.cni(node),
            "kubelet.yaml": node_config.kubelet(
                node=node,
                authority=authority.certificate,
                certificate=serving.certificate,
                key=serving.key,
                reserved_memory=_memory() * (_NODES_SHARING_THE_MACHINE - 1) // _NODES_SHARING_THE_MACHINE,
            ),
            "policies.nft": nftables.closed(node),
            "kube-proxy.yaml": node_config.kube_proxy(node=node, kubeconfig=proxy),
            "boot.sh": node_config.boot(
                node=node,
                folder=self.folder,
                binaries=binaries.folder,
                kubeconfig=credentials,
                configuration=configuration,
            ),
        }
        for name, text in files.items():
            (configuration / name).write_text(text)
        if not (self.folder / "containerd").exists():
            containerd.clone(seed, self.folder / "containerd")

    def start(self) -> None:
        """Switch the machine on; its network must be there. Does nothing when it is on."""
        if self.on:
            return
        cgroups.remove(self.node.cgroup)
        cgroups.create(self.node.cgroup)
        # Entered by nsenter and not by `ip netns exec`, which mounts a /sys of its own and hides the cgroups.
        command = [
            *("nsenter", f"--net=/run/netns/{self.node.network_namespace}"),
            *(
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--uts",
                "--ipc",
                "--mount-proc",
                "--kill-child=SIGKILL",
            ),
            *("--propagation", "private", "sh", str(self.folder / "configuration/boot.sh")),
        ]
        processes.start(self.folder, "machine", command, self.logs / "machine.log")

    def stop(self) -> None:
        """Switch the machine off, as by its power button: nothing in it gets to say good-bye."""
        # The death of process 1 takes every process of the machine with it, and its mounts.
        pids = [pid for found in processes.running(self.folder).values() for pid in found]
        processes.kill(pids, signals=[(signal.SIGKILL, 10)])
        cgroups.remove(self.node.cgroup)

    def delete(self) -> None:
        """Remove the machine's files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def last_lines(self) -> str:
        """The ends of its daemons' logs."""
        return "\n".join(
            processes.last_lines(self.logs / f"{each}.log", 8)
            for each in ("machine", "containerd", "kubelet", "kube-proxy")
        )


def cni_programs() -> Path | None:
    """Where the standard network plug-ins are installed."""
    return next((folder for folder in _CNI_PROGRAMS if (folder / "bridge").exists()), None)


def _memory() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("/proc/meminfo has no MemTotal")
