"""Traces go on from a request to a message, to its handler, to a task; and into the logs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import sqlalchemy
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id
from storefront_common import logs, telemetry
from storefront_common.telemetry import provider, spans, statements

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """The spans that would go to a collector."""
    exporter = InMemorySpanExporter()
    tracing = TracerProvider(shutdown_on_exit=False)
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    for module in (spans, statements):
        monkeypatch.setattr(module, "_tracer", tracing.get_tracer("test"))
    yield exporter
    tracing.shutdown()


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without a collector."""
    monkeypatch.setattr(spans, "_tracer", provider._PassingProvider().get_tracer())


def context(span: ReadableSpan) -> tuple[str, str]:
    """(trace id, span id)."""
    return format_trace_id(span.context.trace_id), format_span_id(span.context.span_id)


def test_a_trace_goes_from_a_request_over_a_message_to_a_task(exported: InMemorySpanExporter) -> None:
    stored: dict[str, str] = {}
    with telemetry.server_span("POST", "/api/orders", {"traceparent": TRACEPARENT.encode()}) as request:
        telemetry.inject(stored)
        telemetry.note_answer(request, "POST", "/api/orders", 201)
    # Later, in another task: the relay publishes, a consumer handles, a task runs.
    headers: dict[str, str] = {}
    with telemetry.producer_span("order.placed", "events", "m-1", stored):
        telemetry.inject(headers)
    enqueued: dict[str, str] = {}
    with telemetry.consumer_span("order.placed", "product", "m-1", headers):
        telemetry.inject(enqueued)
    with telemetry.work_span("charge", "o-1", enqueued):
        pass

    served, published, handled, worked = exported.get_finished_spans()
    assert {context(span)[0] for span in (served, published, handled, worked)} == {TRACE}
    assert served.parent is not None
    assert format_span_id(served.parent.span_id) == PARENT
    assert served.name == "POST /api/orders"
    for cause, effect in ((served, published), (published, handled), (handled, worked)):
        assert effect.parent is not None
        assert effect.parent.span_id == cause.context.span_id
    for cause, effect in ((published, handled), (handled, worked)):
        assert [link.context.span_id for link in effect.links] == [cause.context.span_id]
    assert [span.kind for span in (served, published, handled, worked)] == [
        SpanKind.SERVER,
        SpanKind.PRODUCER,
        SpanKind.CONSUMER,
        SpanKind.INTERNAL,
    ]


def test_without_a_context_a_handler_begins_a_trace(exported: InMemorySpanExporter) -> None:
    with telemetry.consumer_span("order.placed", "product", "m-1", {"x-attempt": 1, "traceparent": 7}):
        pass
    (handled,) = exported.get_finished_spans()
    assert handled.parent is None
    assert not handled.links


def test_only_errors_on_our_side_are_errors(exported: InMemorySpanExporter) -> None:
    for status in (200, 404, 503):
        with telemetry.server_span("GET", "/", {}) as span:
            telemetry.note_answer(span, "GET", "/api/x", status)
    codes = [span.status.status_code for span in exported.get_finished_spans()]
    assert codes == [StatusCode.UNSET, StatusCode.UNSET, StatusCode.ERROR]


@pytest.mark.parametrize("name", ["traceparent", "tracestate"])
def test_headers_that_make_no_sense_are_ignored(name: str) -> None:
    for value in ("", "00-0-0-0", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", b"\xff", None, 3, ["x"]):
        found = trace.get_current_span(telemetry.extract({name: value})).get_span_context()
        assert not found.is_valid


@pytest.mark.usefixtures("passing")
def test_without_a_collector_a_context_passes_through_unchanged() -> None:
    headers: dict[str, str] = {}
    given = {"traceparent": TRACEPARENT, "tracestate": "vendor=1"}
    with telemetry.server_span("GET", "/", given) as span, telemetry.client_span("shop", "GET", "/"):
        assert not span.is_recording()
        telemetry.inject(headers)
    assert headers == given
    later: dict[str, str] = {}
    with telemetry.consumer_span("order.placed", "product", "m-1", headers):
        telemetry.inject(later)
    assert later == given


@pytest.mark.usefixtures("passing")
def test_without_a_collector_a_request_still_begins_a_trace() -> None:
    outer: dict[str, str] = {}
    inner: dict[str, str] = {}
    with telemetry.server_span("GET", "/", {}):
        telemetry.inject(outer)
        with telemetry.client_span("shop", "GET", "/"):
            telemetry.inject(inner)
    assert outer == inner
    assert outer["traceparent"].endswith("-00")


def test_statements_are_spans_without_their_values(exported: InMemorySpanExporter) -> None:
    engine = sqlalchemy.create_engine("sqlite://")
    statements.trace_statements(engine)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))  # a probe, outside of any trace
        with telemetry.server_span("GET", "/", {}):
            connection.execute(sqlalchemy.text("select :secret"), {"secret": "hidden"})
            with pytest.raises(sqlalchemy.exc.OperationalError):
                connection.execute(sqlalchemy.text("SELECT nonsense"))
    engine.dispose()
    good, bad, served = exported.get_finished_spans()
    assert (good.name, good.kind, good.status.status_code) == ("SELECT", SpanKind.CLIENT, StatusCode.UNSET)
    assert good.parent is not None
    assert good.parent.span_id == served.context.span_id
    assert good.attributes is not None
    assert good.attributes["db.query.text"] == "select ?"
    assert "hidden" not in str(dict(good.attributes))
    assert bad.status.status_code is StatusCode.ERROR
    assert bad.attributes is not None
    assert bad.attributes["error.type"] == "OperationalError"


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """`logs.configure` changes the whole process."""
    root = logging.getLogger()
    before = root.handlers, root.level
    yield
    root.handlers, root.level = before[0], before[1]
    structlog.reset_defaults()


@pytest.mark.usefixtures("logging_restored")
def test_log_lines_name_their_trace(
    exported: InMemorySpanExporter, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure()
    with telemetry.server_span("GET", "/", {"traceparent": TRACEPARENT}):
        structlog.stdlib.get_logger("ours").info("inside")
        logging.getLogger("a.library").warning("inside, too")
    logging.getLogger("ours").warning("outside")
    ours, library, outside = map(json.loads, capsys.readouterr().out.splitlines())
    (span,) = exported.get_finished_spans()
    for line in (ours, library):
        assert (line["trace_id"], line["span_id"]) == context(span)
    assert "trace_id" not in outside
