"""Long commands whose steps are shown while everything they print goes to a log."""

import os
import re
import selectors
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from storefront_dev.images.errors import ImageError
from storefront_dev.progress import Progress

_HEARTBEAT_SECONDS = 20
_LINES_ON_FAILURE = 25


def run(
    command: Sequence[str],
    *,
    title: str,
    progress: Progress,
    log: Path,
    environment: Mapping[str, str],
    is_step: Callable[[str], bool] = lambda line: False,
) -> None:
    """Run a command: everything it prints goes to `log`, its steps and a heartbeat to the terminal.

    Raises ImageError with the last lines and the log's path when the command fails.
    """
    last_lines: deque[str] = deque(maxlen=_LINES_ON_FAILURE)
    with (
        log.open("ab") as written,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
        ) as process,
        selectors.DefaultSelector() as selector,
    ):
        assert process.stdout is not None
        output = process.stdout.fileno()
        selector.register(output, selectors.EVENT_READ)
        written.write(f"$ {' '.join(command)}\n".encode())
        unfinished = b""
        while True:
            if not selector.select(timeout=_HEARTBEAT_SECONDS):
                progress(f"{title}: still busy; {_shortened(last_lines[-1] if last_lines else '')}")
                continue
            # Read what is there and split it here: a buffered reader would hide lines from select().
            piece = os.read(output, 65536)
            written.write(piece)
            written.flush()
            *lines, unfinished = (unfinished + piece).split(b"\n")
            if not piece and unfinished:
                lines, unfinished = [unfinished], b""
            for raw in lines:
                line = raw.decode(errors="replace").rstrip()
                if line:
                    last_lines.append(line)
                if is_step(line):
                    progress(f"{title}: {_shortened(line)}")
            if not piece:
                break
    if process.returncode != 0:
        raise ImageError(
            f"{title} failed (exit code {process.returncode}). Its last lines:\n"
            + "".join(f"    {line}\n" for line in last_lines)
            + f"Full log: {log}"
        )


def _shortened(line: str, width: int = 110) -> str:
    line = re.sub(r"--mount=\S+ ", "", " ".join(line.split()))
    return line if len(line) <= width else line[: width - 1] + "…"
