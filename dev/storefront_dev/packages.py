"""Debian packages: installed where that can be done."""

import os
import shutil
import subprocess
from collections.abc import Iterable

from storefront_dev.progress import Progress


def install(packages: Iterable[str], progress: Progress) -> bool:
    """Install Debian packages when this is Debian and we are root; False when they could not be installed."""
    names = sorted(set(packages))
    if not names:
        return True
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    progress(f"installing {', '.join(names)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *names]
    # The list of packages may be older than what the servers hold: refresh it, but not at every start.
    if subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0:
        return True
    subprocess.run(["apt-get", "update"], env=environment, capture_output=True, check=False)
    return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode == 0
