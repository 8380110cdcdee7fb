"""A real PostgreSQL server that belongs to one test run."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import psycopg

from tests.services.debian_packages import NotInstalledError

ADMIN = "admin"
PASSWORD = "in the tests only"


def find_programs() -> Path:
    """The folder with `initdb` and `pg_ctl`; Debian's package is installed when it is missing and we may."""
    for attempt in ("look", "install"):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
        on_path = shutil.which("initdb")
        if found or on_path:
            return found[-1].parent if found else Path(str(on_path)).parent
        if attempt == "look" and os.geteuid() == 0 and shutil.which("apt-get"):
            install = ["apt-get", "install", "-y", "--no-install-recommends", "postgresql"]
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(["apt-get", "update"], check=False, capture_output=True, env=environment)
            subprocess.run(install, check=False, capture_output=True, env=environment)
    raise NotInstalledError("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")


class PostgresServer:
    """Starts, stops and freezes a server on a free loopback port. Passwords are asked for, as in a cluster."""

    def __init__(self, folder: Path) -> None:
        self._programs = find_programs()
        # PostgreSQL refuses to run as root.
        self._user = "nobody" if os.geteuid() == 0 else None
        self._folder = folder
        self._data = folder / "data"
        self.host = "127.0.0.1"
        with socket.create_server((self.host, 0)) as free:
            self.port: int = free.getsockname()[1]
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        password = folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        password.chmod(0o644)
        if self._user:
            shutil.chown(folder, self._user)
        self._run(
            "initdb", f"--username={ADMIN}", f"--pwfile={password}", "--auth=scram-sha-256", "--no-sync",
            "--encoding=UTF8", "--locale=C.UTF-8",
        )  # fmt: skip

    def start(self) -> None:
        """Start, and return when connections are accepted."""
        options = (
            f"-p {self.port} -c listen_addresses={self.host} -c unix_socket_directories='' -c fsync=off "
            "-c max_connections=60 -c shared_buffers=32MB -c autovacuum=off"
        )
        self._run("pg_ctl", "start", "--wait", f"--log={self._folder / 'log'}", "-o", options)

    def stop(self) -> None:
        """Stop at once: connections break, nothing is said goodbye to."""
        self._run("pg_ctl", "stop", "--wait", "--mode=immediate")

    def freeze(self) -> None:
        """Every process stops answering but keeps its connections: what a dead node looks like from outside."""
        postmaster, *_ = self._processes()
        os.kill(postmaster, signal.SIGSTOP)  # first: it has no more children after that
        for process in self._processes():
            os.kill(process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let frozen processes go on."""
        for process in self._processes():
            os.kill(process, signal.SIGCONT)

    def restore(self) -> None:
        """Running and answering, whatever was done to it."""
        if (self._data / "postmaster.pid").exists():
            self.thaw()
        else:
            self.start()

    def admin(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A superuser's connection in autocommit mode."""
        return psycopg.connect(
            host=self.host, port=self.port, user=ADMIN, password=PASSWORD, dbname=database, autocommit=True
        )

    def create_database(self, name: str, owner: str = "product") -> None:
        """A database with an owner of its own, as the operator provisions them."""
        with self.admin() as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [owner]).fetchone() is None:
                connection.execute(f"""CREATE ROLE "{owner}" LOGIN PASSWORD '{PASSWORD}'""")
            connection.execute(f'CREATE DATABASE "{name}" OWNER "{owner}"')

    def set_password(self, role: str, password: str) -> None:
        """Change a role's password."""
        with self.admin() as connection:
            connection.execute(f"""ALTER ROLE "{role}" PASSWORD '{password}'""")

    def _processes(self) -> list[int]:
        parent = int((self._data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
        return [parent, *map(int, children)]

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), f"--pgdata={self._data}", *arguments],
            user=self._user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
            timeout=60,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} {' '.join(arguments)}: {done.stderr}")
