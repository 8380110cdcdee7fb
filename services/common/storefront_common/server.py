"""One process, one event loop, two ports; SIGTERM drains before it stops."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Generator

import structlog
import uvicorn
from starlette.types import ASGIApp

from storefront_common.instrumentation import Instrumentation
from storefront_common.ops import ops_app
from storefront_common.readiness import Readiness
from storefront_common.settings import ServerSettings

logger = structlog.stdlib.get_logger(__name__)


class PortUnavailableError(Exception):
    """A port cannot be listened on."""


class _Server(uvicorn.Server):
    """A server that leaves signals to `serve`: the two of them stop one after the other."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(api: ASGIApp, readiness: Readiness, settings: ServerSettings) -> None:
    """Serve `api` and the operations port until SIGTERM or SIGINT; returns when everything is answered.

    On the signal the replica first reports unready but serves on for `drain_seconds`: load balancers learn of it
    later than the process does.

    Raises:
        PortUnavailableError: a port is taken or not allowed.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    api_server = _server(Instrumentation(api), settings)
    ops_server = _server(ops_app(readiness), settings)
    api_socket, ops_socket = _listen(settings.api_port), _listen(settings.ops_port)
    ops_task = asyncio.create_task(ops_server.serve(sockets=[ops_socket]))
    api_task = asyncio.create_task(api_server.serve(sockets=[api_socket]))
    logger.info("serving", api_port=api_socket.getsockname()[1], ops_port=ops_socket.getsockname()[1])

    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({stopped, api_task, ops_task}, return_when=asyncio.FIRST_COMPLETED)
    readiness.draining = True
    if stop.is_set():
        logger.info("draining", seconds=settings.drain_seconds)
        await asyncio.sleep(settings.drain_seconds)
    api_server.should_exit = True
    await api_task
    ops_server.should_exit = True
    await ops_task
    stopped.cancel()
    logger.info("stopped")


def _server(app: ASGIApp, settings: ServerSettings) -> _Server:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        # Longer than the ingress keeps an idle connection, so that it never reuses one that we are closing.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=max(1, round(settings.shutdown_seconds)),
    )
    return _Server(config)


def _listen(port: int) -> socket.socket:
    """A socket on every address of the machine, IPv4 and IPv6 where it has both."""
    try:
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
        return socket.create_server(("", port), backlog=1024)
    except OSError as error:
        raise PortUnavailableError(f"cannot listen on port {port}: {error.strerror}") from error
