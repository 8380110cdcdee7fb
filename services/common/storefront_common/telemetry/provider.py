"""Where spans go: to a collector, or nowhere."""

import asyncio
import os
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext

from storefront_common.settings import TelemetrySettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_exporting: "TracerProvider | None" = None


def configure(service: str, settings: TelemetrySettings) -> None:
    """Send the spans of this process to the collector, under the name `service`; once, before anything is traced.

    Without a collector spans cost next to nothing, and traces still pass through: a request without a context begins
    a trace whose id is in every service's logs.
    """
    global _exporting
    if settings.exporter_otlp_endpoint is None:
        trace.set_tracer_provider(_PassingProvider())
        return
    # Imported only here: a process that exports nothing does without it.
    import certifi
    from opentelemetry.exporter.http.transport._urllib3 import Urllib3HTTPTransport
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    exporter = OTLPSpanExporter(
        str(settings.exporter_otlp_endpoint).rstrip("/") + "/v1/traces",
        timeout=settings.exporter_otlp_timeout,
        # The default, requests, takes 4 MiB more. The image has no certificates of its own.
        _transport=Urllib3HTTPTransport(
            verify=os.environ.get("OTEL_EXPORTER_OTLP_CERTIFICATE") or certifi.where()
        ),
    )
    identity = {
        "service.name": service,
        "service.namespace": "storefront",
        "service.instance.id": socket.gethostname(),
    }
    _exporting = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.traces_sample_ratio)),
        resource=Resource.create(identity),
        shutdown_on_exit=False,
    )
    _exporting.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(_exporting)


def exports() -> bool:
    """Whether spans go anywhere."""
    return _exporting is not None


async def shutdown(within: float) -> None:
    """Export what is still to be exported, in at most `within` seconds."""
    if _exporting is None:
        return
    # A daemon: at its end the process does not wait for a collector that is away.
    flushing = threading.Thread(target=_exporting.shutdown, name="last export", daemon=True)
    flushing.start()
    await asyncio.to_thread(flushing.join, within)


class _PassingTracer(trace.Tracer):
    """Makes no spans: it hands on the parent's context as it is, or begins a trace that nobody records."""

    def start_span(self, name: str, context: Context | None = None, *_: Any, **__: Any) -> Span:
        parent = trace.get_current_span(context).get_span_context()
        if parent.is_valid:
            return NonRecordingSpan(parent)
        return NonRecordingSpan(SpanContext(random.getrandbits(128), random.getrandbits(64), is_remote=False))

    @contextmanager
    def start_as_current_span(  # type: ignore[override] # the API's own type is private to it
        self, name: str, context: Context | None = None, *_: Any, **__: Any
    ) -> Iterator[Span]:
        with trace.use_span(self.start_span(name, context), record_exception=False) as span:
            yield span


class _PassingProvider(trace.TracerProvider):
    def get_tracer(self, *_: Any, **__: Any) -> trace.Tracer:
        return _PassingTracer()
