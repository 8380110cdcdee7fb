"""stripe-mock, Stripe's own stateless mock: it knows the shape of everything (https://github.com/stripe/stripe-mock).

The payment sandbox is held to it. It is a module apart from dev/go: whoever starts a cluster needs no mock.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from storefront_dev import binaries, folders
from storefront_dev.errors import ClusterError
from storefront_dev.progress import Progress

SOURCE = folders.REPOSITORY / "dev/stripe-mock"
_PACKAGE = "github.com/stripe/stripe-mock"


def stripe_mock(progress: Progress | None = None) -> Path:
    """The program, built now if it is not in the cache: some seconds.

    Raises ClusterError when there is no Go to be had or the build fails.
    """
    progress = progress or Progress()
    digest = hashlib.sha256((SOURCE / "go.mod").read_bytes() + (SOURCE / "go.sum").read_bytes())
    folder = folders.cache() / "stripe-mock" / digest.hexdigest()[:20]
    program = folder / "stripe-mock"
    if not program.exists():
        go = binaries.go(progress)
        scratch = folder.with_name(f"{folder.name}.{os.getpid()}")
        scratch.mkdir(parents=True)
        progress("building stripe-mock")
        built = subprocess.run(
            [
                "nice",
                str(go),
                "build",
                "-trimpath",
                "-ldflags=-s -w",
                "-o",
                f"{scratch}/stripe-mock",
                _PACKAGE,
            ],
            cwd=SOURCE,
            env={**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"},
            capture_output=True,
            text=True,
            check=False,
        )
        if built.returncode:
            shutil.rmtree(scratch)
            raise ClusterError(f"the build of stripe-mock failed\n{built.stderr}")
        try:
            scratch.rename(folder)
        except OSError:  # somebody else was faster
            shutil.rmtree(scratch)
    return program
