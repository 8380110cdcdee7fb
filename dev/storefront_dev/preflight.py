"""What a machine needs to carry nodes: installed where that can be done, and checked before anything
starts.
"""

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from storefront_dev import cgroups, folders, network, node
from storefront_dev.errors import MachineError
from storefront_dev.progress import Progress

# The programs that are called, with the Debian package of each.
_PROGRAMS = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "mount": "mount",
    "hostname": "hostname",
}
_ARCHITECTURES = {"x86_64", "aarch64"}


def prepare(progress: Progress) -> None:
    """Install what is missing where this is Debian and we are root, then check.

    Raises MachineError with a line for each thing that is still missing.
    """
    absent = missing_programs()
    if absent and os.geteuid() == 0 and shutil.which("apt-get"):
        packages = sorted({_PROGRAMS.get(name, "containernetworking-plugins") for name in absent})
        progress(f"installing {', '.join(packages)}")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
        # The list of packages may be older than what the servers hold: refresh it, but not at every start.
        if subprocess.run(install, env=environment, capture_output=True, check=False).returncode:
            subprocess.run(["apt-get", "update"], env=environment, capture_output=True, check=False)
            subprocess.run(install, env=environment, stdout=subprocess.DEVNULL, check=False)
    if lacks := missing():
        raise MachineError(lacks)


def missing() -> list[str]:
    """What this machine lacks to carry nodes, one line each, installed or not; empty when it can."""
    if lacks := _missing_system():
        return lacks
    lacks = [
        f"program {name}: install the package {_PROGRAMS.get(name, 'containernetworking-plugins')}"
        for name in missing_programs()
    ]
    return lacks or _missing_capabilities([])


def can_carry_nodes() -> list[str]:
    """As `missing`, but programs that `prepare` would install here are not counted; what cannot be found out
    without them is taken to be there.
    """
    absent = missing_programs()
    if absent and os.geteuid() == 0 and shutil.which("apt-get"):
        return _missing_system() or _missing_capabilities(absent)
    return missing()


def _missing_system() -> list[str]:
    if platform.system() != "Linux" or platform.machine() not in _ARCHITECTURES:
        return [f"Linux on x86-64 or ARM64 (this is {platform.system()} on {platform.machine()})"]
    if os.geteuid() != 0:
        return ["root: nodes need mounts, network namespaces and control groups of their own"]
    return []


def _missing_capabilities(absent: Sequence[str]) -> list[str]:
    lacks = [
        f"{what}: {reason}"
        for what, (programs, probe) in _PROBES.items()
        if not programs & set(absent) and (reason := probe())
    ]
    lacks += [f"control group controller {name}" for name in cgroups.missing()]
    if "ip" not in absent:
        lacks += network.conflicts()
    return lacks


def missing_programs() -> list[str]:
    """The programs that are not installed."""
    absent = [name for name in _PROGRAMS if shutil.which(name, path=folders.search_path()) is None]
    if node.cni_programs() is None:
        absent.append("CNI plug-ins")
    return absent


def _run(script: str) -> str:
    """Run a shell script in mount and network namespaces of its own; the reason why it failed, or nothing."""
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "sh", "-ec", script]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return ""
    return (result.stderr.strip().splitlines() or [f"exit code {result.returncode}"])[-1]


def _namespaces() -> str:
    return _run("true")


def _devices() -> str:
    return _run(
        "ip link add sf0 type bridge && ip link add sf1 type veth peer name sf2 && ip link set sf1 master sf0"
    )


def _netfilter() -> str:
    rules = (
        "table ip sf { chain c { type nat hook postrouting priority 100; ip daddr 10.0.0.1 masquerade; }; }"
    )
    return _run(f"nft '{rules}' && nft 'add map ip sf m {{ type ipv4_addr : verdict ; }}'")


def _overlay() -> str:
    folders.state().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folders.state()) as scratch:
        for name in ("lower", "upper", "work", "merged"):
            (Path(scratch) / name).mkdir()
        return _run(
            f"cd {scratch} && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged"
        )


# With the programs that each of them calls.
_PROBES: dict[str, tuple[set[str], Callable[[], str]]] = {
    "mount, process and network namespaces": ({"unshare", "mount"}, _namespaces),
    "bridges and virtual Ethernet pairs": ({"unshare", "mount", "ip"}, _devices),
    "nftables with address translation": ({"unshare", "mount", "nft"}, _netfilter),
    "overlay file systems in the state folder": ({"unshare", "mount"}, _overlay),
    "control groups that may be changed": (set(), cgroups.denied),
}
