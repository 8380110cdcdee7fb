"""One stand-in, served over HTTP until it is told to stop."""

import json
import socket

import uvicorn
from fastapi import FastAPI


class PortUnavailableError(Exception):
    """A port cannot be listened on."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; `port` 0 takes any free one.

    Raises:
        PortUnavailableError: the port is taken or not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # "::" is every address of the machine, IPv4 included.
        return socket.create_server((host, port), family=family, dualstack_ipv6=host == "::", backlog=1024)
    except OSError as error:
        raise PortUnavailableError(f"cannot listen on {host} port {port}: {error.strerror}") from error


async def serve(name: str, app: FastAPI, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT.

    When it is ready it prints one line of JSON: `{"message": "serving", "standin": name, "port": …, …}`, with the
    further ports of `app.state.ports`.

    Raises:
        PortUnavailableError: a port is taken or not allowed.
    """
    listener = listen(host, port)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="on",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    await _Server(config, name, app).serve(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that tells when it is ready, and on which ports."""

    def __init__(self, config: uvicorn.Config, name: str, app: FastAPI) -> None:
        super().__init__(config)
        self._name = name
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            ports = {"port": sockets[0].getsockname()[1], **self._app.state.ports}
            print(json.dumps({"message": "serving", "standin": self._name, **ports}), flush=True)
