"""Long-running programs that outlive the command which starts them.

Every one carries a marker in its environment that names its owner (a folder) and its role. What runs is
found by reading the markers back from /proc, never from files with process ids: those go stale in a crash,
and an id is soon used again by a stranger.
"""

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

MARKER = "STOREFRONT_PROCESS"
_PARENT = "STOREFRONT_PARENT_PROCESS"
_LAST_LINES = 15


def start(
    owner: Path,
    role: str,
    command: Sequence[str | Path],
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Start `command` in a session of its own, its output appended to `log`; returns its process id."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(each) for each in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                **(environment or {}),
                MARKER: f"{owner}:{role}",
            },
            start_new_session=True,
        )
    # Popen returns when exec has closed its pipe, a moment before the new environment can be read.
    environment_file = Path(f"/proc/{process.pid}/environ")
    while alive(process.pid) and not environment_file.read_bytes():
        time.sleep(0.001)
    # Popen warns when it is collected while its process runs; this one is meant to.
    process.returncode = 0
    return process.pid


def running(owner: Path) -> dict[str, list[int]]:
    """The live processes of `owner` by role, the oldest first; children count under their parent's role."""
    return _marked().get(owner, {})


def owners(role: str) -> list[Path]:
    """Who has a live process of this role on this machine."""
    return [owner for owner, roles in _marked().items() if role in roles]


def _marked() -> dict[Path, dict[str, list[int]]]:
    found: dict[Path, dict[str, list[int]]] = {}
    prefix = f"{MARKER}=".encode()
    numbers = sorted(int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit())
    for folder in (Path(f"/proc/{number}") for number in numbers):
        # Gone meanwhile, or not ours to read.
        with contextlib.suppress(OSError):
            for entry in (folder / "environ").read_bytes().split(b"\0"):
                if entry.startswith(prefix):
                    owner, _, role = entry[len(prefix) :].decode().rpartition(":")
                    found.setdefault(Path(owner), {}).setdefault(role, []).append(int(folder.name))
    return found


def bound_to_this_process() -> dict[str, str]:
    """Environment for programs that must not outlive the process which starts them; see `orphans`."""
    return {_PARENT: f"{os.getpid()}:{_birth(os.getpid())}"}


def orphans() -> list[int]:
    """Programs bound to a process that is gone, killed before it could stop them."""
    found = []
    prefix = f"{_PARENT}=".encode()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                for entry in (folder / "environ").read_bytes().split(b"\0"):
                    if entry.startswith(prefix):
                        pid, birth = entry[len(prefix) :].decode().split(":")
                        if not alive(int(pid)) or _birth(int(pid)) != birth:
                            found.append(int(folder.name))
    return found


def _birth(pid: int) -> str:
    """When a process started, in clock ticks since boot: with its id, a name that is never used twice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def alive(pid: int) -> bool:
    """Whether the process runs. A zombie does not: where process 1 reaps nobody, they stay for ever."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def kill(pids: Iterable[int], *, signals: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn, waiting up to its seconds for all of `pids` to end before the next one."""
    # A pidfd stays with its process: no signal can reach a stranger that was given the same id.
    descriptors: dict[int, int] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            descriptors[os.pidfd_open(pid)] = pid
    try:
        for sent, patience in signals:
            for descriptor in descriptors:
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(descriptor, sent)
            _wait(descriptors, patience)
            if not descriptors:
                return
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _wait(descriptors: dict[int, int], patience: float) -> None:
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    deadline = time.monotonic() + patience
    while descriptors and (left := deadline - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(left * 1000):
            poll.unregister(descriptor)
            pid = descriptors.pop(descriptor)
            os.close(descriptor)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def last_lines(log: Path, count: int = _LAST_LINES) -> str:
    """The end of a log with its path, for a message about a program that failed."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-count:]
    except OSError:
        lines = ["(no log)"]
    return "\n".join([f"last lines of {log}:", *(f"  {line}" for line in lines)])
