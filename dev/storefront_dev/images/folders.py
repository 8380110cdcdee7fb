"""Where the image builder reads and writes."""

from pathlib import Path

from storefront_dev import folders


def cache() -> Path:
    """Archives, records and buildah's storage."""
    return folders.cache() / "images"


def logs() -> Path:
    """Full build logs, one file an image."""
    return folders.state() / "logs/images"
