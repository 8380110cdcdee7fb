"""The operator as a process of its own that can be killed at any moment, whole or with one mechanism disabled."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.chaos.waiting import eventually

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0


class OperatorProcess:
    """`sabotage` names a module of `tests.chaos.sabotage` to start instead of the plain operator."""

    def __init__(self, kubeconfig: Path, log: Path, sabotage: str = "") -> None:
        self._kubeconfig, self._log_file = kubeconfig, log
        self._sabotage = sabotage
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def start(self, *, wait: bool = True) -> None:
        """Start it; with `wait` return when its caches are filled."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        program = (
            ["-m", f"tests.chaos.sabotage.{self._sabotage}"]
            if self._sabotage
            else [str(Path(sys.executable).with_name("storefront"))]
        )
        command = [sys.executable, *program, "operator", "--kubeconfig", str(self._kubeconfig)]
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--ops-port", str(self._port)],
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Return when its caches are filled."""
        eventually(self._ready, "the operator's caches are filled", seconds, self.log)

    def kill(self) -> None:
        """SIGKILL; returns at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)

    def stop(self) -> None:
        """Kill it if need be and wait for its end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    @property
    def alive(self) -> bool:
        """Whether the process that was started is still the one that runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id."""
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        """The end of what it has logged."""
        return self._log_file.read_text(errors="replace")[-3000:]

    def bugs(self) -> list[str]:
        """What it has logged about passes that broke with an exception nobody expected."""
        found = []
        for line in self._log_file.read_text(errors="replace").splitlines():
            if line.startswith("{") and "this is a bug" in line:
                entry: dict[str, Any] = json.loads(line)
                found.append(f"{entry.get('storefront')}: {str(entry.get('exception'))[-1500:]}")
        return found

    def _ready(self) -> bool:
        if not self.alive:
            raise AssertionError(f"the operator has ended\n{self.log()}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
        finally:
            time.sleep(0.02)
