"""The kinds of spans that the services make, named and described as OpenTelemetry's semantic conventions ask."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanKind, StatusCode

from storefront_common.telemetry.propagation import extract

_tracer = trace.get_tracer("storefront_common")


def server_span(method: str, path: str, headers: Mapping[str, Any]) -> AbstractContextManager[Span]:
    """Around answering a request; continues the trace of its headers (names in lower case)."""
    attributes = {"http.request.method": method, "url.path": path, "url.scheme": "http"}
    return _tracer.start_as_current_span(
        method, extract(headers), SpanKind.SERVER, attributes, record_exception=False
    )


def note_answer(span: Span, method: str, route: str, status: int) -> None:
    """Complete a server span: which route it was and what it was answered."""
    if not span.is_recording():
        return
    span.update_name(f"{method} {route}")
    span.set_attributes({"http.route": route, "http.response.status_code": status})
    if status >= 500:
        span.set_status(StatusCode.ERROR)


def client_span(system: str, method: str, path: str) -> AbstractContextManager[Span]:
    """Around one attempt to call an external system; `inject` the headers inside of it."""
    attributes = {"peer.service": system, "http.request.method": method, "url.path": path}
    return _tracer.start_as_current_span(f"{method} {system}", None, SpanKind.CLIENT, attributes)


def producer_span(
    event_type: str, exchange: str, message_id: str, stored: Mapping[str, Any]
) -> AbstractContextManager[Span]:
    """Around publishing a message; `inject` its headers inside of it.

    Args:
        stored: what `inject` put beside the message when it was written down, so that the span belongs to the trace
            that caused it; empty: to the current one.
    """
    attributes = {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": exchange,
        "messaging.rabbitmq.destination.routing_key": event_type,
        "messaging.message.id": message_id,
    }
    return _tracer.start_as_current_span(
        f"publish {event_type}", extract(stored) if stored else None, SpanKind.PRODUCER, attributes
    )


def consumer_span(
    event_type: str, queue: str, message_id: str, headers: Mapping[str, Any]
) -> AbstractContextManager[Span]:
    """Around handling a message: it continues the trace of the message's headers and links to its publishing."""
    attributes = {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": queue,
        "messaging.rabbitmq.destination.routing_key": event_type,
        "messaging.message.id": message_id,
    }
    return _continued(f"process {event_type}", SpanKind.CONSUMER, attributes, headers)


def work_span(kind: str, key: str, stored: Mapping[str, Any]) -> AbstractContextManager[Span]:
    """Around a task: it continues the trace that enqueued it, from what `inject` stored with it, and links to it."""
    attributes = {"storefront.task.kind": kind, "storefront.task.key": key}
    return _continued(f"task {kind}", SpanKind.INTERNAL, attributes, stored)


def _continued(
    name: str, kind: SpanKind, attributes: Mapping[str, str], headers: Mapping[str, Any]
) -> AbstractContextManager[Span]:
    context = extract(headers)
    cause = trace.get_current_span(context).get_span_context()
    links = [Link(cause)] if cause.is_valid else []
    return _tracer.start_as_current_span(name, context, kind, attributes, links)
