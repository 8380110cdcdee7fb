"""Programs are found by their marker, and nothing but them is stopped."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from storefront_dev import processes, waiting
from storefront_dev.errors import ClusterError

KILL = [(signal.SIGKILL, 10.0)]


def test_a_program_is_found_by_its_owner_and_role_until_it_is_stopped(tmp_path: Path) -> None:
    pid = processes.start(tmp_path, "sleeper", ["sleep", "1000"], tmp_path / "log")

    assert processes.running(tmp_path) == {"sleeper": [pid]}
    assert processes.owners("sleeper") == [tmp_path]
    assert processes.running(tmp_path.parent) == {}

    processes.kill([pid], signals=KILL)
    assert processes.running(tmp_path) == {}


def test_children_are_found_too(tmp_path: Path) -> None:
    processes.start(tmp_path, "parent", ["sh", "-c", "sleep 1000 & sleep 1000"], tmp_path / "log")
    waiting.until(lambda: len(processes.running(tmp_path)["parent"]) == 3, "three processes", seconds=10)
    processes.kill(processes.running(tmp_path)["parent"], signals=KILL)
    assert processes.running(tmp_path) == {}


def test_one_that_ignores_the_first_signal_gets_the_next(tmp_path: Path) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    pid = processes.start(tmp_path, "stubborn", ["sh", "-c", script], tmp_path / "log")
    waiting.until(lambda: "ready" in (tmp_path / "log").read_text(), "the trap is set", seconds=10)
    processes.kill([pid], signals=[(signal.SIGTERM, 0.2), (signal.SIGKILL, 10)])
    assert not processes.alive(pid)


def test_killing_what_is_gone_does_nothing(tmp_path: Path) -> None:
    pid = processes.start(tmp_path, "sleeper", ["sleep", "1000"], tmp_path / "log")
    processes.kill([pid], signals=KILL)
    processes.kill([pid], signals=KILL)


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen(["true"])
    waiting.until(lambda: "Z" in _state(child.pid), "a zombie", seconds=10)
    assert not processes.alive(child.pid)
    child.wait()


def test_programs_bound_to_a_killed_process_are_orphans(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from storefront_dev import processes\n"
        "folder = Path(sys.argv[1])\n"
        "bound = processes.bound_to_this_process()\n"
        "print(processes.start(folder, 'child', ['sleep', '1000'], folder / 'log', bound), flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert pid not in processes.orphans()
        parent.kill()
    assert pid in processes.orphans()
    processes.kill([pid], signals=KILL)


def test_a_failed_start_can_show_the_end_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    text = processes.last_lines(log, 2)
    assert text == f"last lines of {log}:\n  line 98\n  line 99"
    assert "(no log)" in processes.last_lines(tmp_path / "missing")


def test_waiting_in_vain_says_for_what_and_shows_the_detail() -> None:
    with pytest.raises(ClusterError, match=r"(?s)in vain: the moon.*last words"):
        waiting.until(lambda: False, "the moon", seconds=0.01, every=0.001, detail=lambda: "last words")


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
