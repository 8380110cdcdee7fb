"""A collector of traces that tests can ask: OTLP over HTTP."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """A span as a service exported it; ids are hexadecimal, `parent_id` is empty for a trace's first."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str


class TraceCollector:
    """Keeps all spans that services send to `url`, until `stop`."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        spans = self._spans

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of one trace that have come so far."""
        return [span for span in list(self._spans) if span.trace_id == trace_id]

    def stop(self) -> None:
        """Take no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _spans(request: ExportTraceServiceRequest) -> list[Span]:
    found = []
    for resource_spans in request.resource_spans:
        attributes = {each.key: each.value.string_value for each in resource_spans.resource.attributes}
        found += [
            Span(
                attributes["service.name"],
                span.name,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
            )
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
        ]
    return found
