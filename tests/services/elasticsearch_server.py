"""A real Elasticsearch server that belongs to one test run: the distribution that images/elasticsearch holds."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from storefront_dev.folders import REPOSITORY, cache

from tests.services.debian_packages import NotInstalledError, install

_START_SECONDS = 120
_IVY = Path("/usr/share/java/ivy.jar")


def _pinned(argument: str) -> str:
    """The version and checksum that the image's Dockerfile pins."""
    dockerfile = (REPOSITORY / "images/elasticsearch/Dockerfile").read_text(encoding="utf-8")
    match = re.search(rf"^ARG {argument}=(\S+)$", dockerfile, re.MULTILINE)
    assert match is not None, f"images/elasticsearch/Dockerfile pins no {argument}"
    return match[1]


def distribution() -> Path:
    """The server's archive, fetched once as the Dockerfile does it and kept in the cache.

    Raises:
        NotInstalledError: it cannot be fetched here.
    """
    version = _pinned("ELASTICSEARCH_VERSION")
    kept = cache() / f"elasticsearch-{version}.zip"
    if not kept.exists():
        java = install("java", "openjdk-17-jre-headless")
        if not _IVY.exists():
            # A library, no program: `java` is only what the installer looks for.
            subprocess.run(
                ["apt-get", "install", "-y", "--no-install-recommends", "ivy"],
                check=False, capture_output=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            )  # fmt: skip
        if not _IVY.exists():
            raise NotInstalledError("Ivy is not installed (Debian: apt-get install ivy)")
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            done = subprocess.run(
                [
                    java, "-jar", str(_IVY), "-warn", "-notransitive", "-types", "zip", "-cache", f"{folder}/ivy",
                    "-dependency", "org.elasticsearch.distribution.integ-test-zip", "elasticsearch", version,
                    "-retrieve", f"{folder}/[artifact].[ext]",
                ],
                capture_output=True, text=True, check=False, timeout=300,
            )  # fmt: skip
            fetched = Path(folder, "elasticsearch.zip")
            if not fetched.exists():
                raise NotInstalledError(
                    f"Elasticsearch {version} cannot be fetched: {done.stdout}{done.stderr}"
                )
            fetched.replace(kept)
    digest = hashlib.sha256(kept.read_bytes()).hexdigest()
    assert digest == _pinned("ELASTICSEARCH_SHA256"), f"{kept} is not what the Dockerfile pins: {digest}"
    return kept


class ElasticsearchServer:
    """Starts, stops and freezes a single node on a free loopback port, without users and TLS, as the operator does."""

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            NotInstalledError: Java or the server is missing and cannot be had.
        """
        archive = distribution()
        java = Path(install("java", "openjdk-17-jre-headless")).resolve()
        unzip = install("unzip", "unzip")
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._java_home = java.parents[1]
        # Elasticsearch refuses to run as root.
        self._user = "nobody" if os.geteuid() == 0 else None
        with socket.create_server(("127.0.0.1", 0)) as http, socket.create_server(("127.0.0.1", 0)) as peers:
            self.port: int = http.getsockname()[1]
            peer_port = peers.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        subprocess.run([unzip, "-q", str(archive), "-d", str(folder)], check=True, timeout=120)
        (self._home,) = folder.glob("elasticsearch-*")
        settings = {
            "cluster.name": "tests",
            "node.name": "tests",
            "discovery.type": "single-node",
            "network.host": "127.0.0.1",
            "http.port": self.port,
            "transport.port": peer_port,
            "path.data": str(folder / "data"),
            "path.logs": str(folder / "logs"),
            "xpack.security.enabled": False,
            # The tests' disk may be nearly full; nothing here lasts.
            "cluster.routing.allocation.disk.threshold_enabled": False,
        }
        text = "\n".join(f"{name}: {json.dumps(value)}" for name, value in settings.items())
        (self._home / "config/elasticsearch.yml").write_text(text + "\n", encoding="utf-8")
        shutil.copy(REPOSITORY / "images/elasticsearch/log4j2.properties", self._home / "config")
        for name in ("data", "logs", "tmp"):
            (folder / name).mkdir()
        if self._user:
            subprocess.run(["chown", "-R", self._user, str(folder)], check=True)

    def start(self) -> None:
        """Start, and return when it serves; what it held when it was stopped is there again."""
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [str(self._home / "bin/elasticsearch")],
                env={
                    "PATH": os.defpath,
                    "ES_JAVA_HOME": str(self._java_home),
                    "ES_JAVA_OPTS": "-Xms256m -Xmx256m -XX:TieredStopAtLevel=1",
                    "ES_TMPDIR": str(self._folder / "tmp"),
                    "LANG": "C.UTF-8",
                },
                user=self._user,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._home,
                # A group of its own: the launcher's child is the server.
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._serves():
            if time.monotonic() > deadline or self._process.poll() is not None:
                said = (self._folder / "output").read_text(encoding="utf-8", errors="replace")
                self.stop()
                raise RuntimeError(f"Elasticsearch did not start: {said[-4000:]}")
            time.sleep(0.2)

    def stop(self) -> None:
        """Kill it: connections break; what was acknowledged stays."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait(timeout=30)
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

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON answer of its API.

        Raises:
            urllib.error.HTTPError: it refused.
        """
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def _serves(self) -> bool:
        try:
            health = self.request("GET", "/_cluster/health?wait_for_status=yellow&timeout=1s")
        except OSError:
            return False
        return bool(health["status"] in ("yellow", "green"))

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it does not run"
        os.killpg(self._process.pid, number)
