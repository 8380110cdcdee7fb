"""A log line and metrics for every request, whatever becomes of it."""

import re
import time
import uuid

import structlog
from prometheus_client import Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storefront_common import telemetry

logger = structlog.stdlib.get_logger("storefront.requests")

_REQUESTS = Counter("http_requests_total", "Requests answered", ["method", "route", "status"])
_DURATION = Histogram(
    "http_request_duration_seconds",
    "Seconds from a request's start to the end of its answer",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
_IN_PROGRESS = Gauge("http_requests_in_progress", "Requests being answered now")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Instrumentation:
    """ASGI application around another one: request id, log, metrics, and HEAD answered as GET without a body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; an exception is logged here and goes no further, the application has answered it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        status = 500
        method = scope["method"]
        # The server leaves the body out by the original method.
        inner = {**scope, "method": "GET"} if method == "HEAD" else scope

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        started = time.perf_counter()
        error: Exception | None = None
        # Labels come from the code, never from the client: their number stays small.
        known_method = method if method in _METHODS else "other"
        with (
            telemetry.server_span(known_method, scope["path"], _trace_headers(scope)) as span,
            structlog.contextvars.bound_contextvars(request_id=request_id),
            _IN_PROGRESS.track_inprogress(),
        ):
            try:
                await self._app(inner, receive, send_noting_status)
            except Exception as caught:
                error = caught
            seconds = time.perf_counter() - started
            route = getattr(inner.get("route"), "path", None) or "unmatched"
            telemetry.note_answer(span, known_method, route, status)
            _REQUESTS.labels(known_method, route, status).inc()
            _DURATION.labels(known_method, route).observe(seconds)
            self._log(scope, method, route, status, seconds, error)

    def _log(
        self, scope: Scope, method: str, route: str, status: int, seconds: float, error: Exception | None
    ) -> None:
        log = logger.bind(
            method=method,
            path=scope["path"],
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 1),
        )
        if error is not None:
            log.error("request failed", exc_info=error)
        elif status >= 500:
            log.warning("request")
        else:
            log.info("request")


def _trace_headers(scope: Scope) -> dict[str, bytes]:
    return {
        name.decode(): value for name, value in scope["headers"] if name in (b"traceparent", b"tracestate")
    }


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value.decode("latin-1")):
            return str(value.decode("latin-1"))
    return uuid.uuid4().hex
