"""Starts operators by forking from a process that has already imported everything.

An operator is started hundreds of times here, and most of a start is Python reading modules. Each child is a
process of its own with nothing done yet but the imports: `storefront operator ...` from there on.

    python -m tests.chaos.launcher [NAME OF A MODULE OF tests.chaos.sabotage]

reads one JSON object per line (`arguments` of the command line, `log` file) and answers with the child's pid.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import aiohttp.web
import kopf._core.reactor.running  # noqa: F401 - what kopf would import only when it starts
from storefront_operator import cli


def main() -> None:
    """Serve until standard input ends; disable a mechanism first when a sabotage is named."""
    for name in sys.argv[1:]:
        importlib.import_module(f"tests.chaos.sabotage.{name}").disable()
    # Children that have ended leave nothing behind, so that a pid tells whether one lives.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become_operator(order["arguments"], Path(order["log"]))
        print(pid, flush=True)


def _become_operator(arguments: list[str], log: Path) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(file, 1)
    os.dup2(file, 2)
    code = 1
    try:
        code = cli.main(arguments)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    assert aiohttp.web
    main()
