"""Where the embedded cluster reads and writes."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
"""The root of the work tree."""


def cache() -> Path:
    """Built programs and images: may be deleted at any time, costs a rebuild."""
    return Path(os.environ.get("STOREFRONT_CACHE") or Path.home() / ".cache/storefront").absolute()


def search_path() -> str:
    """PATH with the folders in which the system's own programs are."""
    return os.pathsep.join(
        dict.fromkeys([*os.environ.get("PATH", os.defpath).split(os.pathsep), "/usr/sbin", "/sbin"])
    )


def state() -> Path:
    """What belongs to clusters that run: certificates, databases, volumes, logs."""
    return Path(os.environ.get("STOREFRONT_STATE") or Path.home() / ".local/state/storefront").absolute()
