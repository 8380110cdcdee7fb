"""The programs that building images takes."""

import os
import shutil
import subprocess

from storefront_dev.images import folders
from storefront_dev.images.commands import run
from storefront_dev.images.errors import ImageError
from storefront_dev.progress import Progress

_PROGRAMS = ("buildah", "mmdebstrap")


def ensure(progress: Progress) -> None:
    """Install what is missing when we are root on a Debian, else raise ImageError saying what to install."""
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ImageError(
            f"building images needs {' and '.join(missing)}: install with your package manager"
            f" (Debian: sudo apt-get install {' '.join(missing)}), or use docker, see images/README.md"
        )
    progress(f"installing {', '.join(missing)}")
    folders.logs().mkdir(parents=True, exist_ok=True)
    log = folders.logs() / "prerequisites.log"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A failed update is no reason to give up: the lists that are there may do.
    subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False, capture_output=True)
    run(
        ["apt-get", "install", "-y", "--no-install-recommends", *missing],
        title="prerequisites",
        progress=progress,
        log=log,
        environment=environment,
    )
