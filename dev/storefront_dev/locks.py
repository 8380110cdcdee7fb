"""Commands that change the same cluster, one after the other."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from storefront_dev.progress import Progress


@contextlib.contextmanager
def exclusive(folder: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock of the cluster whose files are in `folder`; waits for it, and says so."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside the folder, which is removed with the cluster.
    with folder.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another command is changing the cluster; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
