"""Programs of Debian's packages that tests start."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

_POLICY = Path("/usr/sbin/policy-rc.d")


class NotInstalledError(Exception):
    """This machine lacks a program, and it cannot be installed."""


def install(program: str, *packages: str) -> str:
    """The path of `program`; when it is missing, `packages` are installed where we may.

    Raises:
        NotInstalledError: it is missing all the same.
    """
    found = shutil.which(program)
    if not found and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
        with _no_new_services():
            if subprocess.run(command, check=False, capture_output=True, env=environment).returncode:
                subprocess.run(["apt-get", "update"], check=False, capture_output=True, env=environment)
                subprocess.run(command, check=False, capture_output=True, env=environment)
        found = shutil.which(program)
    if not found:
        raise NotInstalledError(f"{program} is not installed (Debian: apt-get install {' '.join(packages)})")
    return found


@contextlib.contextmanager
def _no_new_services() -> Iterator[None]:
    """What is installed meanwhile starts no service of its own (Debian Policy, section 9.3.3)."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()
