"""Where the embedded cluster reads and writes."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
"""The root of the work tree."""


def cache() -> Path:
    """Built programs and images: may be deleted at any time, costs a rebuild."""
    return Path(os.environ.get("STOREFRONT_CACHE") or Path.home() / ".cache/storefront").absolute()


def state() -> Path:
    """What belongs to clusters that run: certificates, databases, volumes, logs."""
    return Path(os.environ.get("STOREFRONT_STATE") or Path.home() / ".local/state/storefront").absolute()
