"""The trace's context in headers, as W3C's Trace Context asks (https://www.w3.org/TR/trace-context/)."""

from collections.abc import Mapping, MutableMapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_propagator = TraceContextTextMapPropagator()
_HEADERS = tuple(sorted(_propagator.fields))


def inject(headers: MutableMapping[str, Any]) -> None:
    """Add the current context to the headers of a request or a message: `traceparent`, and `tracestate` if any."""
    _propagator.inject(headers)


def extract(headers: Mapping[str, Any]) -> Context:
    """The context that the headers (names in lower case) of a request or a message carry; empty when they carry none.

    Values are str or bytes, as brokers' clients give them; anything else is as good as absent.
    """
    carrier: dict[str, str] = {}
    for name in _HEADERS:
        value = headers.get(name)
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        if isinstance(value, str):
            carrier[name] = value
    return _propagator.extract(carrier, Context())
