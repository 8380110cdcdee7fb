"""The running operator: connects, wires kopf to the engine, serves health and metrics."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, cast

import kopf
import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from storefront_operator.client import Client, connect
from storefront_operator.engine.engine import Engine
from storefront_operator.handlers import settings, storefronts
from storefront_operator.leadership import Leadership, LeaseName

log = structlog.get_logger()

Login = Callable[[], Awaitable[Client]]

_KOPF_ENDS = 5.0
"""Seconds that kopf is given to end."""


async def run_operator(
    kubeconfig: Path | None, context: str | None, ops_port: int, lease: LeaseName | None
) -> None:
    """Run until SIGTERM or SIGINT; with a lease, work only while holding it.

    Raises `LoginError`, and `LeadershipLostError` when another operator may lead.
    """
    client = await connect(kubeconfig, context)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    engine = Engine(client)
    server = await _serve_ops(engine, ops_port)
    leadership = (
        Leadership(client, lease, f"{socket.gethostname()}_{secrets.token_hex(4)}") if lease else None
    )
    try:
        log.info("operator is running", server=client.server, ops_port=ops_port)
        if leadership and not await _unless(stop, leadership.acquire()):
            return
        await _work(partial(connect, kubeconfig, context), engine, stop, leadership)
        log.info("stopping")
    finally:
        if leadership:
            await leadership.release()
        await server.cleanup()
        await client.session.close()


async def _work(login: Login, engine: Engine, stop: asyncio.Event, leadership: Leadership | None) -> None:
    """Run the engine and kopf until `stop`, or until one of them or the leadership ends with an error."""
    tasks = [asyncio.create_task(engine.run()), asyncio.create_task(_run_kopf(login, engine, stop))]
    if leadership:
        tasks.append(asyncio.create_task(leadership.hold()))
    waiting = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([*tasks, waiting], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        stop.set()
        for task in (*tasks, waiting):
            task.cancel()
        await asyncio.gather(*tasks, waiting, return_exceptions=True)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do some work unless asked to stop before it is done; False when it was stopped."""
    task, waiting = asyncio.create_task(work), asyncio.create_task(stop.wait())
    done, rest = await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    for other in rest:
        other.cancel()
    return task in done


async def _run_kopf(login: Login, engine: Engine, stop: asyncio.Event) -> None:
    """Run kopf until stopped, in a thread with an event loop of its own.

    When kopf ends, it cancels every task of its loop that was started after it, whoever's it is.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Any] = loop.create_future()
    asked = threading.Event()

    def tell(error: Exception | None) -> None:
        if not ended.done():
            ended.set_exception(error) if error else ended.set_result(None)

    def work() -> None:
        error: Exception | None = None
        try:
            asyncio.run(_watch_storefronts(login, engine, loop, asked))
        except Exception as died_of:
            error = died_of
        with contextlib.suppress(RuntimeError):  # the process's own loop may be closed by now
            loop.call_soon_threadsafe(tell, error)

    threading.Thread(target=work, name="kopf", daemon=True).start()
    stopping: asyncio.Future[Any] = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([ended, stopping], return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            ended.result()
    finally:
        stopping.cancel()
        asked.set()
        await asyncio.wait([ended], timeout=_KOPF_ENDS)


async def _watch_storefronts(
    login: Login, engine: Engine, loop: asyncio.AbstractEventLoop, asked: threading.Event
) -> None:
    """Run kopf until asked to end; start it again when it ends by itself, with growing pauses.

    kopf ends when the API server refuses a watch (say, while the CRD or the permissions are being replaced).
    """
    registry = kopf.OperatorRegistry()
    storefronts.register(registry, engine, loop)
    operator_settings = kopf.OperatorSettings()
    settings.configure(operator_settings)
    client: Client | None = None

    @kopf.on.login(registry=registry)
    async def logged_in(**_: Any) -> kopf.AiohttpSession:
        assert client is not None
        return kopf.AiohttpSession(aiohttp_session=client.session, server=client.server)

    pause = 1.0
    while not asked.is_set():
        try:
            # A session of its own: kopf closes it when it ends, and the engine goes on.
            client = await login()
            await kopf.operator(
                registry=registry,
                settings=operator_settings,
                clusterwide=True,
                stop_flag=asked,
                # Given, because kopf's own guess asks for the name of a user who need not exist in a container.
                identity=cast(Any, socket.gethostname()),
            )
        except Exception as error:
            log.warning("kopf ended; it is started again", error=str(error), pause=pause)
            await asyncio.sleep(pause)
            pause = min(30.0, pause * 2)
        finally:
            if client is not None:
                await client.session.close()


async def _serve_ops(engine: Engine, port: int) -> web.AppRunner:
    """`/livez`: no watch is stuck. `/readyz`: the process serves. `/metrics`: Prometheus.

    A replica that waits to lead is ready: a rollout must not wait for it.
    """

    async def livez(_: web.Request) -> web.Response:
        stuck = engine.stuck()
        if stuck:
            return web.Response(status=500, text=f"the watch of {stuck} is stuck\n")
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def metrics(_: web.Request) -> web.Response:
        engine.export_metrics()
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
