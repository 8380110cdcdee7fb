"""Commands that change the same files, one after the other."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from storefront_dev.progress import Progress


@contextlib.contextmanager
def exclusive(folder: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock of the cluster whose files are in `folder`; waits for it, and says so."""
    # Beside the folder, which is removed with the cluster.
    with held(folder.with_suffix(".lock"), "another command is changing the cluster", progress):
        yield


@contextlib.contextmanager
def held(file: Path, otherwise: str, progress: Progress) -> Iterator[None]:
    """Hold the lock `file`; waits for it, and says `otherwise` as the reason."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"{otherwise}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
