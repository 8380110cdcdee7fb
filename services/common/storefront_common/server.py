"""One process, one event loop: two ports and the workers; SIGTERM drains before it stops."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Generator, Mapping

import structlog
import uvicorn
from starlette.types import ASGIApp

from storefront_common.instrumentation import Instrumentation
from storefront_common.ops import ops_app
from storefront_common.readiness import Readiness
from storefront_common.settings import ServerSettings
from storefront_common.workers import Worker, Workers

logger = structlog.stdlib.get_logger(__name__)


class PortUnavailableError(Exception):
    """A port cannot be listened on."""


class _Server(uvicorn.Server):
    """A server that leaves signals to `serve`: the two of them stop one after the other."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(
    api: ASGIApp | None,
    readiness: Readiness,
    settings: ServerSettings,
    workers: Mapping[str, Worker] | None = None,
) -> None:
    """Serve `api` and the operations port and run `workers` until SIGTERM or SIGINT.

    On the signal the replica first reports unready but serves on for `drain_seconds`: load balancers learn of it
    later than the process does. Then requests in flight are answered, then the workers finish what they have in hand;
    the operations port closes last.

    Args:
        api: None: there is no API port.
        workers: by name.

    Raises:
        PortUnavailableError: a port is taken or not allowed.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    servers = {"ops_port": _server(ops_app(readiness), settings)}
    if api is not None:
        servers["api_port"] = _server(Instrumentation(api), settings)
    sockets = {port: _listen(getattr(settings, port)) for port in servers}
    serving = {
        port: asyncio.create_task(server.serve(sockets=[sockets[port]])) for port, server in servers.items()
    }
    running = Workers(workers or {})
    running.start()
    # What was loaded until now stays until the end: the garbage collector need not look through it again and again.
    gc.collect()
    gc.freeze()
    logger.info("serving", **{port: listening.getsockname()[1] for port, listening in sockets.items()})

    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({stopped, *serving.values()}, return_when=asyncio.FIRST_COMPLETED)
    readiness.draining = True
    if stop.is_set():
        logger.info("draining", seconds=settings.drain_seconds)
        await asyncio.sleep(settings.drain_seconds)
    if api is not None:
        servers["api_port"].should_exit = True
        await serving["api_port"]
    await running.stop(settings.worker_seconds)
    servers["ops_port"].should_exit = True
    await serving["ops_port"]
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
