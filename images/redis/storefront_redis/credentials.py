"""Users of the servers, from the mounted Secrets."""

from __future__ import annotations

import os
from pathlib import Path

from storefront_redis.connection import Login


def watcher() -> Login:
    """The user of the sentinels and of these programs, on members and on sentinels alike."""
    return _login("sentinel")


def replicator() -> Login:
    """The user with which replicas log in at their primary."""
    return _login("replication")


def _login(name: str) -> Login:
    folder = Path(os.environ.get("CREDENTIALS_DIR", "/etc/storefront/credentials")) / name
    return Login((folder / "username").read_text().strip(), (folder / "password").read_text().strip())
