"""Calls to an external system over HTTP that always end: with an answer, or with what is known about the effect."""

import asyncio
import email.utils
import random
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx2
import stamina
from prometheus_client import Counter, Histogram

from storefront_common import telemetry
from storefront_common.external.breaker import CircuitBreaker
from storefront_common.external.failures import CircuitOpenError, ExternalUnavailableError
from storefront_common.settings import ExternalSettings

_CALLS = Counter("external_calls_total", "Attempts to call an external system", ["system", "outcome"])
_DURATION = Histogram(
    "external_call_duration_seconds",
    "Seconds of one attempt",
    ["system"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)


class NotConfiguredError(Exception):
    """There is no such external system: its address is not set."""


class _AttemptError(Exception):
    """One attempt brought no usable answer."""

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        """`retry_after`: seconds that the system asks us to wait."""
        super().__init__(reason)
        self.retry_after = retry_after


class _Effect:
    """What is known about the effect of a call, over all of its attempts."""

    def __init__(self) -> None:
        self.may_have_happened = False
        self._sending = False

    async def watch(self, event: str, _info: object) -> None:
        """Called by the client at each step of an attempt."""
        if event.endswith("send_request_headers.started"):
            self._sending = True

    def begin_attempt(self) -> None:
        self._sending = False

    def end_attempt(self, *, refused: bool) -> None:
        """`refused`: the system says that it did nothing."""
        if self._sending and not refused:
            self.may_have_happened = True


class ExternalSystem:
    """An HTTP API outside of the Storefront.

    Every call ends within `settings.total_timeout` seconds. A call that is said to be idempotent is repeated when it
    fails; any other is attempted once. A circuit breaker counts every attempt.
    """

    def __init__(
        self,
        name: str,
        settings: ExternalSettings,
        client: httpx2.AsyncClient | None = None,
        breaker: CircuitBreaker | None = None,
    ) -> None:
        """
        Args:
            name: for errors, metrics and traces.
            settings: where it is and how patiently it is asked.
            client: with the system's own headers and certificates; default: a plain one. It is closed by `close`.
            breaker: default: one with the defaults of its own.
        """
        self.name = name
        self._settings = settings
        self._client = client or httpx2.AsyncClient()
        self._breaker = breaker or CircuitBreaker(name)

    @property
    def is_configured(self) -> bool:
        """Whether there is such a system."""
        return self._settings.url is not None

    async def call(
        self,
        method: str,
        path: str,
        *,
        idempotent: bool,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """The system's answer; its status is anything but 429 and 5xx, and for the caller to judge.

        Args:
            path: below the system's address, with a leading slash.
            idempotent: whether doing it twice is the same as once, by its nature or by an idempotency key in it.
            json: body, as JSON.
            data: body, as a form.

        Raises:
            ExternalUnavailableError: no answer; it says whether the effect may have happened.
            NotConfiguredError: there is no such system.
        """
        if self._settings.url is None:
            raise NotConfiguredError(f"{self.name} is not configured")
        request = {
            "method": method,
            "url": str(self._settings.url).rstrip("/") + path,
            "json": json,
            "data": data,
            "params": params,
        }
        effect = _Effect()
        deadline = asyncio.get_running_loop().time() + self._settings.total_timeout
        attempt: stamina.Attempt

        def pause(error: Exception) -> float | bool:
            """Seconds until the next attempt; False when there shall be none."""
            if not (idempotent and isinstance(error, _AttemptError)):
                return False
            seconds = max(attempt.next_wait * random.uniform(1, 1.5), error.retry_after or 0)
            return seconds if asyncio.get_running_loop().time() + seconds < deadline else False

        try:
            async for attempt in stamina.retry_context(
                on=pause, attempts=self._settings.attempts, timeout=None, wait_initial=0.1, wait_max=2.0
            ):
                with attempt:
                    return await self._attempt(request, path, dict(headers or {}), deadline, effect)
        except CircuitOpenError as error:
            if effect.may_have_happened:
                raise ExternalUnavailableError(self.name, error.reason, may_have_happened=True) from error
            raise
        except _AttemptError as error:
            raise ExternalUnavailableError(
                self.name, str(error), may_have_happened=effect.may_have_happened
            ) from error
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def _attempt(
        self, request: Mapping[str, Any], path: str, headers: dict[str, str], deadline: float, effect: _Effect
    ) -> httpx2.Response:
        started = time.perf_counter()
        outcome = "cancelled"
        refused = False
        effect.begin_attempt()
        try:
            async with self._breaker:
                with telemetry.client_span(self.name, request["method"], path) as span:
                    telemetry.inject(headers)
                    response = await self._send(request, headers, deadline, effect)
                    span.set_attribute("http.response.status_code", response.status_code)
                outcome = str(response.status_code)
                if response.status_code >= 500:
                    raise _AttemptError(f"answered {outcome}", retry_after=_retry_after(response))
            # It is well and only asks for fewer requests: that does not speak against it.
            if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
                refused = True
                raise _AttemptError("asks for fewer requests", retry_after=_retry_after(response))
        except CircuitOpenError:
            outcome = "circuit_open"
            raise
        except _AttemptError:
            if outcome == "cancelled":
                outcome = "failed"
            raise
        else:
            return response
        finally:
            effect.end_attempt(refused=refused)
            _CALLS.labels(self.name, outcome).inc()
            _DURATION.labels(self.name).observe(time.perf_counter() - started)

    async def _send(
        self, request: Mapping[str, Any], headers: Mapping[str, str], deadline: float, effect: _Effect
    ) -> httpx2.Response:
        settings = self._settings
        timeout = httpx2.Timeout(settings.read_timeout, connect=settings.connect_timeout)
        try:
            async with asyncio.timeout_at(deadline):
                return await self._client.request(
                    **request, headers=headers, timeout=timeout, extensions={"trace": effect.watch}
                )
        except TimeoutError:
            raise _AttemptError(f"not done within {settings.total_timeout:g} s") from None
        except httpx2.TransportError as error:
            reason = f"{type(error).__name__} {error}".rstrip()
            raise _AttemptError(reason) from error


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds that the answer asks us to wait (RFC 9110, section 10.2.3); None when it does not say."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
