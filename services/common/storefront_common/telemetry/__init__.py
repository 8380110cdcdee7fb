"""Traces over HTTP, messages and statements (OpenTelemetry), and their ids in the logs."""

from storefront_common.telemetry.propagation import extract, inject
from storefront_common.telemetry.provider import configure, shutdown
from storefront_common.telemetry.spans import (
    client_span,
    consumer_span,
    note_answer,
    producer_span,
    server_span,
    work_span,
)

__all__ = [
    "client_span",
    "configure",
    "consumer_span",
    "extract",
    "inject",
    "note_answer",
    "producer_span",
    "server_span",
    "shutdown",
    "work_span",
]
