"""A span around every statement that SQLAlchemy sends."""

from typing import Any

import sqlalchemy.event
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode
from sqlalchemy import Engine
from sqlalchemy.engine import ExceptionContext

_tracer = trace.get_tracer("storefront_common")


def trace_statements(engine: Engine) -> None:
    """Make a span of every statement that `engine` runs: its text with placeholders, never the values.

    Statements outside of any trace, such as the readiness probe's, make none.
    """
    sqlalchemy.event.listen(engine, "before_cursor_execute", _begin)
    sqlalchemy.event.listen(engine, "after_cursor_execute", _end)
    sqlalchemy.event.listen(engine, "handle_error", _fail)


def _begin(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> None:
    if not trace.get_current_span().is_recording():
        return
    operation = statement.split(None, 1)[0].upper()
    attributes = {
        "db.system.name": "postgresql",
        "db.operation.name": operation,
        "db.query.text": statement,
    }
    context.storefront_span = _tracer.start_span(operation, None, SpanKind.CLIENT, attributes)


def _end(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> None:
    span: Span | None = getattr(context, "storefront_span", None)
    if span is not None:
        span.end()


def _fail(error: ExceptionContext) -> None:
    span: Span | None = getattr(error.execution_context, "storefront_span", None)
    if span is not None:
        span.set_attribute("error.type", type(error.original_exception).__name__)
        span.set_status(StatusCode.ERROR)
        span.end()
