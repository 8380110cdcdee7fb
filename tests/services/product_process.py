"""The product service as the cluster runs it: a process of its own, configured by its environment."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
from product_service import sample
from product_service.main import MIGRATIONS, NAME
from storefront_common.database import Schema, migration
from storefront_common.database.migration import Outcome
from storefront_common.settings import DatabaseSettings

COMMAND = [str(Path(sys.executable).with_name("product-service"))]


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


def migrate(environment: Mapping[str, str], *, sample_catalogue: bool = False) -> Outcome:
    """What `product-service migrate` does, without the seconds that a process takes to start."""
    given = {name.removeprefix("DATABASE_").lower(): value for name, value in environment.items()}
    settings = DatabaseSettings.model_validate(given)
    then = sample.add if sample_catalogue else None
    work = migration.migrate(settings, Schema(MIGRATIONS), NAME, wait_seconds=30, then=then)
    # A thread of its own: the caller's may have an event loop already.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command `product-service`, run to its end with nothing but `environment`."""
    return subprocess.run(
        [*COMMAND, *arguments], env=dict(environment), capture_output=True, text=True, timeout=60, check=False
    )


class ProductProcess:
    """`product-service serve` on free ports; its log can be waited for."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        own = {"API_PORT": "0", "OPS_PORT": "0", "DRAIN_SECONDS": "0.5"}
        self.process = subprocess.Popen(
            [*COMMAND, "serve"],
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
        serving = self.wait_for_log("serving")
        self.api = f"http://127.0.0.1:{serving['api_port']}"
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
