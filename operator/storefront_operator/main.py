"""The running operator: connects, wires kopf to the engine, serves health and metrics."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path
from typing import Any, cast

import kopf
import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from storefront_operator.client import Client, connect
from storefront_operator.engine.engine import Engine
from storefront_operator.handlers import settings, storefronts

log = structlog.get_logger()


async def run_operator(kubeconfig: Path | None, context: str | None, ops_port: int) -> None:
    """Run until SIGTERM or SIGINT. Raises `LoginError`."""
    client = await connect(kubeconfig, context)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    engine = Engine(client)
    server = await _serve_ops(engine, ops_port)
    tasks = [asyncio.create_task(engine.run()), asyncio.create_task(_run_kopf(client, engine, stop))]
    try:
        log.info("operator is running", server=client.server, ops_port=ops_port)
        waiting = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([*tasks, waiting], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        log.info("stopping")
    finally:
        stop.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.cleanup()
        await client.session.close()


async def _run_kopf(client: Client, engine: Engine, stop: asyncio.Event) -> None:
    registry = kopf.OperatorRegistry()
    storefronts.register(registry, engine)

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(aiohttp_session=client.session, server=client.server)

    operator_settings = kopf.OperatorSettings()
    settings.configure(operator_settings)
    await kopf.operator(
        registry=registry,
        settings=operator_settings,
        clusterwide=True,
        stop_flag=stop,
        # Given, because kopf's own guess asks for the name of a user who need not exist in a container.
        identity=cast(Any, socket.gethostname()),
    )


async def _serve_ops(engine: Engine, port: int) -> web.AppRunner:
    """`/livez`: the process answers. `/readyz`: the caches are filled. `/metrics`: Prometheus."""

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        if engine.view.is_synced:
            return web.Response(text="ok\n")
        return web.Response(status=503, text="the caches are not filled yet\n")

    async def metrics(_: web.Request) -> web.Response:
        engine.view.export_ages()
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
