"""Lines that tell a person what a long command is doing."""

import sys
import time
from typing import TextIO


class Progress:
    """Prints one line per step with the seconds since the command began."""

    def __init__(self, output: TextIO | None = None) -> None:
        self._output = output
        self._began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self._began

    def __call__(self, message: str) -> None:
        print(f"[{self.elapsed:6.1f} s] {message}", file=self._output or sys.stderr, flush=True)
