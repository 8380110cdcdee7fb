"""A control group per node, under which its kubelet keeps its pods. Both versions of cgroups."""

import contextlib
import signal
import time
from pathlib import Path

from storefront_dev import processes

_ROOT = Path("/sys/fs/cgroup")
_NEEDED = ("cpu", "memory", "pids")
_PROBE = "storefront-probe"


def unified() -> bool:
    """Whether this machine has cgroups v2 alone."""
    return (_ROOT / "cgroup.controllers").exists()


def missing() -> list[str]:
    """The controllers that pods need and this machine lacks."""
    if unified():
        have = (_ROOT / "cgroup.controllers").read_text().split()
    else:
        have = [name for folder in _hierarchies() for name in folder.name.split(",")]
    return [name for name in _NEEDED if name not in have]


def denied() -> str:
    """Why no group can be made here, or nothing: many containers see control groups and may not change them."""
    for parent in [_ROOT] if unified() else _hierarchies():
        probe = parent / _PROBE
        try:
            probe.mkdir(exist_ok=True)
            probe.rmdir()
        except OSError as error:
            return f"{parent}: {error.strerror}"
    return ""


def create(name: str) -> None:
    """Make the group in every hierarchy."""
    if unified():
        controllers = (_ROOT / "cgroup.controllers").read_text().split()
        (_ROOT / "cgroup.subtree_control").write_text(" ".join(f"+{each}" for each in controllers))
        (_ROOT / name).mkdir(exist_ok=True)
        (_ROOT / name / "cgroup.subtree_control").write_text(" ".join(f"+{each}" for each in controllers))
        return
    for hierarchy in _hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):
            if (hierarchy / file).exists() and not (group / file).read_text().strip():
                # An empty set admits no process.
                (group / file).write_text((hierarchy / file).read_text())


def remove(name: str, patience: float = 5) -> None:
    """Remove the group with everything below it; processes left in it are killed.

    Also needed before a node that was switched off starts again: a kubelet that finds groups of pods long
    dead takes half a minute to become ready.
    """
    deadline = time.monotonic() + patience
    while existing(name):
        for top in existing(name):
            for group in sorted((each for each in top.rglob("*") if each.is_dir()), reverse=True):
                _remove(group)
            _remove(top)
        if existing(name):
            if time.monotonic() > deadline:
                return
            time.sleep(0.05)


def existing(name: str) -> list[Path]:
    """The folders of this group that there are."""
    tops = [_ROOT / name] if unified() else [hierarchy / name for hierarchy in _hierarchies()]
    return [top for top in tops if top.exists()]


def _remove(group: Path) -> None:
    with contextlib.suppress(OSError):
        group.rmdir()
        return
    with contextlib.suppress(OSError):
        pids = [int(line) for line in (group / "cgroup.procs").read_text().split()]
        processes.kill(pids, signals=[(signal.SIGKILL, 1)])


def _hierarchies() -> list[Path]:
    return [
        folder
        for folder in sorted(_ROOT.iterdir())
        if folder.is_dir()
        and not folder.is_symlink()
        and (folder / "cgroup.procs").exists()
        and not (folder / "cgroup.controllers").exists()
    ]
