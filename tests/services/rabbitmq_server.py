"""A real RabbitMQ server that belongs to one test run."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from storefront_operator.components import rabbitmq_topology
from storefront_operator.components.rabbitmq_topology import SERVICES, Credentials

from tests.services.debian_packages import install

ADMIN = "admin"
PASSWORD = "in the tests only"
RETRY_DELAYS_SECONDS = (0.2, 0.3, 0.4)
"""How long messages wait in the delay queues of the tests."""

# The wrapper in /usr/sbin becomes another user.
_PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_START_SECONDS = 60.0

SUBSCRIPTIONS: Mapping[str, Sequence[str]] = {
    "user": ["user.data_erased", "user.data_exported"],
    "product": [
        "product.changed", "product.removed", "order.placed", "order.paid", "order.cancelled",
    ],
    "order": [
        "product.changed", "product.removed", "stock.reserved", "stock.rejected", "payment.captured",
        "payment.failed", "payment.action_required", "payment.voided", "payment.refunded", "user.changed",
        "user.erasure_requested", "user.export_requested",
    ],
    "payment": ["payment.requested", "order.cancelled", "user.erasure_requested", "user.export_requested"],
    "notification": ["order.placed", "order.paid", "order.shipped", "order.cancelled", "order.refunded"],
}  # fmt: skip
"""Queue → types of events in it."""


class RabbitMQServer:
    """Starts, stops and freezes a server on free loopback ports; what was confirmed survives.

    Modules get virtual hosts of their own, with what the operator declares in them; users are the services' names.
    """

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            NotInstalledError: RabbitMQ is missing and cannot be installed.
        """
        install("rabbitmq-server", "rabbitmq-server")
        self.host = "127.0.0.1"
        self.port, self._http_port, self._distribution_port, self._names_port = _free_ports(4)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._names: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "enabled_plugins").write_text("[rabbitmq_management].\n", encoding="ascii")
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = {self.host}:{self.port}\n"
            f"management.tcp.ip = {self.host}\n"
            f"management.tcp.port = {self._http_port}\n"
            f"default_user = {ADMIN}\n"
            f"default_pass = {PASSWORD}\n"
            "disk_free_limit.absolute = 10MB\n"
            "log.console = false\n",
            encoding="ascii",
        )

    def start(self) -> None:
        """Start, and return when it can be used."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._names_port),
            "ERL_EPMD_ADDRESS": self.host,
            "RABBITMQ_NODENAME": f"storefront{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_PID_FILE": str(self._folder / "pid"),
            # It does not burn the tests' processors while it waits, and nobody but this machine can reach it.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
            ),
            # The script becomes the server instead of watching it from a shell.
            "RUNNING_UNDER_SYSTEMD": "true",
        }
        # Started by the server, the name service would stay behind.
        names = ["epmd", "-port", str(self._names_port), "-address", self.host]
        with (self._folder / "output").open("ab") as output:
            self._names, self._process = (
                subprocess.Popen(
                    command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
                )
                for command in (names, [str(_PROGRAM)])
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"RabbitMQ did not start: {(self._folder / 'output').read_text()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Kill it: connections break, nothing is said goodbye to."""
        for process in (self._process, self._names):
            if process is not None:
                process.kill()
                process.wait(timeout=10)
        self._process = self._names = None

    def freeze(self) -> None:
        """It keeps its connections but answers nothing: what a dead node looks like from outside."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def restore(self) -> None:
        """Running and answering, whatever was done to it."""
        if self._process is None:
            self.start()
        else:
            self.thaw()

    def create_virtual_host(
        self, name: str, retry_delays_seconds: Sequence[float] = RETRY_DELAYS_SECONDS
    ) -> None:
        """A virtual host with all that the operator imports, but for the lengths of the delays."""
        users = {service: [Credentials(service, PASSWORD)] for service in SERVICES}
        definitions = rabbitmq_topology.topology(users, members=1)
        delays = dict(zip(("1", "2", "3"), retry_delays_seconds, strict=True))
        for queue in definitions["queues"]:
            _, _, key = queue["name"].partition(".retry.")
            if key:
                queue["arguments"]["x-message-ttl"] = round(delays[key] * 1000)
        definitions["bindings"] += [
            {
                "source": rabbitmq_topology.EVENTS,
                "vhost": "",
                "destination": service,
                "destination_type": "queue",
                "routing_key": kind,
                "arguments": {},
            }
            for service, kinds in SUBSCRIPTIONS.items()
            for kind in kinds
        ]
        definitions["permissions"].append(
            {"user": ADMIN, "vhost": "", "configure": ".*", "write": ".*", "read": ".*"}
        )
        for things in ("permissions", "exchanges", "queues", "bindings"):
            for thing in definitions[things]:
                thing["vhost"] = name
        self.api("PUT", f"/vhosts/{quote(name, safe='')}", {})
        self.api("POST", "/definitions", definitions)

    def environment(self, virtual_host: str, user: str, secrets: Path) -> dict[str, str]:
        """What a service needs to use that virtual host; `secrets` holds the file `password`."""
        return {
            "RABBITMQ_HOST": self.host,
            "RABBITMQ_PORT": str(self.port),
            "RABBITMQ_VIRTUAL_HOST": virtual_host,
            "RABBITMQ_USER": user,
            "RABBITMQ_PASSWORD_FILE": str(secrets / "password"),
        }

    def close_connections(self, user: str) -> int:
        """Have the server close the connections of `user`; how many. It learns of new ones within seconds."""
        names = [known["name"] for known in self.api("GET", "/connections") if known["user"] == user]
        for name in names:
            self.api("DELETE", f"/connections/{quote(name, safe='')}")
        return len(names)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON answer of the management API; what it tells of queues is some seconds old."""
        connection = http.client.HTTPConnection(self.host, self._http_port, timeout=20)
        token = base64.b64encode(f"{ADMIN}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        try:
            connection.request(method, "/api" + path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise RuntimeError(f"{method} {path}: {response.status} {answer.decode()}")
        return json.loads(answer) if answer else None

    def _answers(self) -> bool:
        try:
            self.api("GET", "/overview")
            with socket.create_connection((self.host, self.port), timeout=1):
                return True
        except (OSError, http.client.HTTPException, RuntimeError):
            return False


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports
