"""A real Redis server that belongs to one test run."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import redis

from tests.services.debian_packages import install

PASSWORD = "in the tests only"


class RedisServer:
    """Starts, stops and freezes a server on a free loopback port.

    Users are those that the operator makes: `product` and `order` may use keys that begin with their own name, and
    no dangerous command; see `storefront_operator.components.redis`.
    """

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            NotInstalledError: Redis is missing and cannot be installed.
        """
        self._program = shutil.which("redis-server") or install("redis-server", "redis-server")
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.host = "127.0.0.1"
        with socket.create_server((self.host, 0)) as free:
            self.port: int = free.getsockname()[1]
        folder.mkdir(parents=True, exist_ok=True)
        secret = hashlib.sha256(PASSWORD.encode()).hexdigest()
        (folder / "users").write_text(
            f"user default on #{secret} ~* &* +@all\n"
            + "".join(
                f"user {name} on #{secret} ~{name}:* &{name}:* +@all -@admin -@dangerous\n"
                for name in ("product", "order")
            ),
            encoding="ascii",
        )

    def start(self) -> None:
        """Start empty, and return when connections are accepted."""
        self._process = subprocess.Popen(
            [
                self._program, "--bind", self.host, "--port", str(self.port), "--dir", str(self._folder),
                "--save", "", "--appendonly", "no", "--aclfile", str(self._folder / "users"),
                "--logfile", str(self._folder / "log"),
            ],
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while not self._accepts():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"Redis did not start: {(self._folder / 'log').read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Kill it: connections break, and everything in it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None

    def freeze(self) -> None:
        """It keeps its connections but answers nothing: what a dead node looks like from outside."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._signal(signal.SIGCONT)

    def restore(self) -> None:
        """Running and answering, whatever was done to it."""
        if self._process is None:
            self.start()
        else:
            self.thaw()

    def clear(self) -> None:
        """Forget everything."""
        with redis.Redis(self.host, self.port, password=PASSWORD) as client:
            client.flushall()

    def environment(self, user: str, password_file: Path) -> dict[str, str]:
        """What a service needs to use it, logged in as `user` with PASSWORD in that file."""
        return {
            "REDIS_HOST": self.host,
            "REDIS_PORT": str(self.port),
            "REDIS_USER": user,
            "REDIS_PASSWORD_FILE": str(password_file),
        }

    def _accepts(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=0.5):
                return True
        except OSError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it does not run"
        os.kill(self._process.pid, number)
