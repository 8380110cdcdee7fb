"""A collector of traces (OTLP over HTTP) that keeps what it gets."""

from __future__ import annotations

import asyncio
from typing import Self

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector:
    """Listens on a free port of the loopback interface."""

    def __init__(self, *, hangs: bool = False) -> None:
        """`hangs`: take connections and never answer."""
        self._hangs = hangs
        self.services: set[str] = set()
        self.spans: list[Span] = []

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def named(self, name: str) -> Span | None:
        """The first span of that name."""
        return next((span for span in self.spans if span.name == name), None)

    async def _take(self, request: web.Request) -> web.Response:
        if self._hangs:
            await asyncio.Event().wait()
        exported = ExportTraceServiceRequest.FromString(await request.read())
        for of_resource in exported.resource_spans:
            self.services |= {
                attribute.value.string_value
                for attribute in of_resource.resource.attributes
                if attribute.key == "service.name"
            }
            for of_scope in of_resource.scope_spans:
                self.spans += of_scope.spans
        return web.Response()
