"""The operator as a process of its own that can be killed at any moment, whole or with one mechanism disabled."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

from tests.chaos.waiting import eventually

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0


class Launcher:
    """A process that forks operators; `sabotage` names the module of `tests.chaos.sabotage` that it applies."""

    def __init__(self, sabotage: str = "") -> None:
        self._one_at_a_time = threading.Lock()
        command = [sys.executable, "-m", "tests.chaos.launcher", *([sabotage] if sabotage else [])]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def start(self, arguments: list[str], log: Path) -> int:
        """Start an operator; returns its pid."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one_at_a_time:
            self._process.stdin.write(json.dumps({"arguments": arguments, "log": str(log)}) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        assert answer, "the launcher has ended; its error is above"
        return int(answer)

    def stop(self) -> None:
        """End it; its operators go on."""
        self._process.communicate()


class OperatorProcess:
    """At most one operator at a time behind a kubeconfig."""

    def __init__(self, launcher: Launcher, kubeconfig: Path, log: Path) -> None:
        self._launcher, self._kubeconfig, self._log_file = launcher, kubeconfig, log
        self._port = 0
        self._logged_before = 0
        self.pid = 0
        """Process id, 0 while none has been started."""

    def start(self, *, wait: bool = True) -> None:
        """Start it; with `wait` return when its caches are filled."""
        assert not self.alive, "stop it first"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        arguments = ["operator", "--kubeconfig", str(self._kubeconfig), "--ops-port", str(self._port)]
        self._logged_before = len(self._text())
        self.pid = self._launcher.start(arguments, self._log_file)
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Return when its caches are filled."""
        eventually(self._ready, "the operator's caches are filled", seconds, self.log, interval=0.02)

    def kill(self) -> None:
        """SIGKILL; returns at once."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """Kill it if need be and wait for its end."""
        self.kill()
        eventually(lambda: not self.alive, "the operator has ended", 20, interval=0.01)
        self.pid = 0

    @property
    def alive(self) -> bool:
        """Whether the process that was started still runs."""
        if not self.pid:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def passes(self) -> int:
        """How many passes over Storefronts it has finished since its start."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return 0  # it does not serve yet, or has too much to do
        counts = [line.rpartition(" ")[2] for line in lines if line.startswith("storefront_passes_total{")]
        return int(sum(map(float, counts)))

    def log(self) -> str:
        """The end of what it has logged."""
        return self._text()[-3000:]

    def bugs(self) -> list[str]:
        """What it has logged about passes that broke with an exception nobody expected."""
        found = []
        for line in self._text().splitlines():
            if line.startswith("{") and "this is a bug" in line:
                entry: dict[str, Any] = json.loads(line)
                found.append(f"{entry.get('storefront')}: {str(entry.get('exception'))[-1500:]}")
        return found

    def _text(self) -> str:
        return self._log_file.read_text(errors="replace") if self._log_file.exists() else ""

    def _ready(self) -> bool:
        if not self.alive:
            raise AssertionError(f"the operator has ended\n{self.log()}")
        return "caches are filled" in self._text()[self._logged_before :]
