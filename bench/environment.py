"""The operator's Python environment as in its image: what is locked for it, and none of the tools and test libraries.

kopf imports `kubernetes` and `pykube` wherever they are installed; they would count as the operator's memory.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from storefront_dev import folders
from storefront_dev.folders import REPOSITORY

_LOCK = REPOSITORY / "requirements/operator.txt"
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from storefront_operator.cli import main; sys.exit(main())"


def storefront_command() -> list[str]:
    """The `storefront` command of this checkout in an environment of its own, which is made when it is missing."""
    environment = folders.cache() / f"operator-venv-{hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:12]}"
    python, complete = environment / "bin/python", environment / ".complete"
    if not complete.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(environment)])
        _run([uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(_LOCK)])
        complete.touch()
    return [str(python), "-c", _START, str(REPOSITORY / "operator")]


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True)
