"""A stand-in for an external system, as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any

import httpx2

from tests.services.service_process import program


class StandInProcess:
    """`storefront-standin <name>` on free loopback ports; ready when it is made."""

    def __init__(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        """`arguments`: further ones of the command line."""
        self.name = name
        self._process = subprocess.Popen(
            [program("storefront-standin"), name, "--port=0", *arguments],
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the {name} stand-in ended with exit code {self._process.wait(timeout=10)}"
        self.ports: dict[str, int] = {
            key: port for key, port in json.loads(line).items() if isinstance(port, int)
        }
        self.url = f"http://127.0.0.1:{self.ports['port']}"

    def faults(self, **faults: Any) -> None:
        """Switch these faults on and all others off."""
        httpx2.put(f"{self.url}/faults", json=faults, trust_env=False).raise_for_status()

    def injected(self) -> dict[str, int]:
        """How often each fault has happened."""
        counts: dict[str, int] = (
            httpx2.get(f"{self.url}/faults/injected", trust_env=False).raise_for_status().json()
        )
        return counts

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(timeout=20)
        assert self._process.stdout is not None
        self._process.stdout.close()
