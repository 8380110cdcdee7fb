"""The programs that building images takes."""

import shutil

from storefront_dev import packages
from storefront_dev.images.errors import ImageError
from storefront_dev.progress import Progress

_PROGRAMS = ("buildah", "mmdebstrap")


def ensure(progress: Progress) -> None:
    """Install what is missing where that can be done, else raise ImageError saying what to install."""
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing and not packages.install(missing, progress):
        raise ImageError(
            f"building images needs {' and '.join(missing)}: install with your package manager"
            f" (Debian: sudo apt-get install {' '.join(missing)}), or use docker, see images/README.md"
        )
