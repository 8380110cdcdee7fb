"""kubectl, tied to one cluster."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from storefront_dev.binaries import kubectl

T = TypeVar("T")


class Kubectl:
    """Runs kubectl against the cluster of one kubeconfig, whatever the environment says."""

    def __init__(self, kubeconfig: Path) -> None:
        self.command = [str(kubectl()), "--kubeconfig", str(kubeconfig)]

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl prints; its complaint is in the error when it fails."""
        result = self.attempt(*arguments, stdin=stdin)
        assert result.returncode == 0, f"kubectl {' '.join(arguments)}: {result.stderr}"
        return result.stdout

    def attempt(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """The outcome, whether kubectl fails or not."""
        return subprocess.run(
            [*self.command, *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=120
        )

    def get(self, *arguments: str) -> Any:
        """An object, or a list's items."""
        document = json.loads(self("get", *arguments, "-o", "json"))
        return document["items"] if document["kind"].endswith("List") else document

    def apply(self, *documents: dict[str, Any]) -> None:
        """Bring these objects to the cluster."""
        self("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(documents))


def eventually(ask: Callable[[], T], accept: Callable[[T], bool], seconds: float) -> T:
    """The first answer that is acceptable; fails with the last one when none comes in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if accept(answer):
            return answer
        assert time.monotonic() < deadline, f"after {seconds} s still: {answer!r}"
        time.sleep(0.2)
