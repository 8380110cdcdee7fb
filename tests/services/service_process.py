"""A service as the cluster runs it: a process of its own, configured by its environment."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio


def program(name: str) -> str:
    """The path of an installed command, such as `product-service`."""
    return str(Path(sys.executable).with_name(name))


async def eventually(
    condition: Callable[[], Awaitable[Any]], *, within: float = 20.0, describe: Callable[[], str] = str
) -> Any:
    """The first true value of `condition`, asked again and again; fails with `describe()` after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        value = await condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {within} s {describe()}"
        await anyio.sleep(0.05)


class ServiceProcess:
    """`<service>-service serve` on free ports; its log can be waited for."""

    def __init__(self, command: str | Sequence[str], environment: Mapping[str, str]) -> None:
        """`command`: the service's program, such as `product-service`, or a command line."""
        command_line = [program(command)] if isinstance(command, str) else list(command)
        own = {"API_PORT": "0", "OPS_PORT": "0", "DRAIN_SECONDS": "0.5"}
        self.process = subprocess.Popen(
            [*command_line, "serve"],
            env={**os.environ, **own, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.log: list[dict[str, Any]] = []
        self.other_output: list[str] = []
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            serving = self.wait_for_log("serving", within=60)
        except AssertionError:
            self.process.kill()
            self.wait()
            raise
        # A service that nobody calls has no API port.
        self.api = f"http://127.0.0.1:{serving['api_port']}" if "api_port" in serving else ""
        self.ops = f"http://127.0.0.1:{serving['ops_port']}"

    def wait_for_log(self, message: str, within: float = 20.0) -> dict[str, Any]:
        """The next log line with that message."""
        deadline = time.monotonic() + within
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no log line {message!r}: {self.log} {self.other_output}") from None
            if line["message"] == message:
                return line

    def stop(self) -> int:
        """Its exit code after SIGTERM."""
        self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Its exit code, once it ends."""
        try:
            code = self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self._reader.join(timeout=5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            try:
                line = json.loads(text)
            except ValueError:
                self.other_output.append(text)
            else:
                self.log.append(line)
                self._lines.put(line)
