"""Calls to external systems, against a real server that is slow, fails, or forgets to answer."""

from __future__ import annotations

import asyncio
import email.utils
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import REGISTRY
from storefront_common.external import (
    CircuitBreaker,
    CircuitOpenError,
    ExternalSystem,
    ExternalUnavailableError,
    NotConfiguredError,
)
from storefront_common.external.breaker import State
from storefront_common.settings import ExternalSettings

from tests.unit.services.common.scripted_server import (
    Behaviour,
    ScriptedServer,
    answer,
    close,
    drip,
    hang,
    talk_nonsense,
)


@asynccontextmanager
async def system(
    url: str | None, breaker: CircuitBreaker | None = None, **settings: Any
) -> AsyncIterator[ExternalSystem]:
    """The system at `url`, asked impatiently."""
    patience = {"connect_timeout": 0.5, "read_timeout": 0.15, "total_timeout": 3.0, **settings}
    asked = ExternalSystem("shop", ExternalSettings.model_validate({"url": url, **patience}), breaker=breaker)
    try:
        yield asked
    finally:
        await asked.close()


async def test_a_call_sends_what_is_given_and_returns_the_answer() -> None:
    async with ScriptedServer(answer(201, '{"id": 7}')) as server, system(server.url + "/v1/") as shop:
        response = await shop.call(
            "POST", "/labels", idempotent=False, json={"a": 1}, params={"x": "y"}, headers={"X-Key": "k"}
        )
        form = await shop.call("POST", "/form", idempotent=False, data={"amount": 5})
    assert (response.status_code, response.json(), form.status_code) == (201, {"id": 7}, 201)
    sent = server.requests[0].lower()
    assert sent.startswith("post /v1/labels?x=y http/1.1")
    assert "x-key: k" in sent
    assert sent.endswith('{"a":1}')
    assert server.requests[1].endswith("amount=5")


@pytest.mark.parametrize("status", [302, 400, 402, 404, 409])
async def test_an_answer_that_says_no_is_an_answer(status: int) -> None:
    async with ScriptedServer(answer(status)) as server, system(server.url) as shop:
        assert (await shop.call("POST", "/", idempotent=True)).status_code == status
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (hang, "ReadTimeout"),
        (close, "RemoteProtocolError"),
        (talk_nonsense, "RemoteProtocolError"),
        (answer(500), "answered 500"),
        (answer(503), "answered 503"),
    ],
)
async def test_what_was_sent_may_have_happened(failure: Behaviour, reason: str) -> None:
    async with ScriptedServer(failure) as server, system(server.url) as shop:
        with pytest.raises(ExternalUnavailableError, match=reason) as failed:
            await shop.call("POST", "/", idempotent=False)
    assert failed.value.may_have_happened
    assert failed.value.system == "shop"
    assert len(server.requests) == 1  # never repeated


@pytest.mark.parametrize("failure", [hang, close, answer(500), answer(429)])
async def test_idempotent_calls_are_repeated(failure: Behaviour) -> None:
    async with ScriptedServer(failure, failure, answer()) as server, system(server.url) as shop:
        assert (await shop.call("POST", "/", idempotent=True)).status_code == 200
    assert len(server.requests) == 3


async def test_attempts_end() -> None:
    async with ScriptedServer(answer(502)) as server, system(server.url, attempts=2) as shop:
        with pytest.raises(ExternalUnavailableError) as failed:
            await shop.call("GET", "/", idempotent=True)
    assert failed.value.may_have_happened
    assert len(server.requests) == 2


async def test_what_was_not_sent_has_not_happened() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with system(f"http://127.0.0.1:{port}") as shop:
        with pytest.raises(ExternalUnavailableError, match="ConnectError") as failed:
            await shop.call("POST", "/", idempotent=True)
    assert not failed.value.may_have_happened


async def test_an_address_that_swallows_packets_is_given_up_soon() -> None:
    # Nobody accepts, and the queue of one is full: what a dead node looks like from outside.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        url = "http://{}:{}".format(*deaf.getsockname())
        queue = [socket.socket() for _ in range(4)]
        for waiting in queue:
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        started = time.monotonic()
        async with system(url, connect_timeout=0.2, read_timeout=30, total_timeout=30, attempts=1) as shop:
            with pytest.raises(ExternalUnavailableError, match="ConnectTimeout") as failed:
                await shop.call("POST", "/", idempotent=True)
        for waiting in queue:
            waiting.close()
    assert time.monotonic() - started < 15
    assert not failed.value.may_have_happened


async def test_a_refusal_for_too_many_requests_has_no_effect() -> None:
    async with ScriptedServer(answer(429)) as server, system(server.url) as shop:
        with pytest.raises(ExternalUnavailableError, match="fewer requests") as failed:
            await shop.call("POST", "/", idempotent=False)
    assert not failed.value.may_have_happened


async def test_an_earlier_attempt_is_not_forgotten() -> None:
    async with ScriptedServer(close, answer(429)) as server, system(server.url, attempts=2) as shop:
        with pytest.raises(ExternalUnavailableError, match="fewer requests") as failed:
            await shop.call("POST", "/", idempotent=True)
    assert failed.value.may_have_happened
    assert len(server.requests) == 2


async def test_retry_after_is_respected() -> None:
    async with ScriptedServer(answer(429, retry_after="1"), answer()) as server, system(server.url) as shop:
        started = time.monotonic()
        assert (await shop.call("POST", "/", idempotent=True)).status_code == 200
        assert time.monotonic() - started >= 1
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "retry_after", ["60", email.utils.formatdate(time.time() + 3600, usegmt=True)], ids=["seconds", "date"]
)
async def test_nobody_waits_longer_than_there_is_time(retry_after: str) -> None:
    async with ScriptedServer(answer(503, retry_after=retry_after)) as server, system(server.url) as shop:
        started = time.monotonic()
        with pytest.raises(ExternalUnavailableError):
            await shop.call("POST", "/", idempotent=True)
        assert time.monotonic() - started < 15
    assert len(server.requests) == 1


@pytest.mark.parametrize("retry_after", ["-1", "soon", "1e9", "²", "Thu, 01 Jan 1970 00:00:00 GMT"])
async def test_a_meaningless_retry_after_does_no_harm(retry_after: str) -> None:
    raw = retry_after.encode().decode("latin-1")
    async with ScriptedServer(answer(503, retry_after=raw), answer()) as server, system(server.url) as shop:
        assert (await shop.call("POST", "/", idempotent=True)).status_code == 200


async def test_a_call_ends_however_long_the_answer_drips() -> None:
    async with ScriptedServer(drip) as server, system(server.url, total_timeout=0.5) as shop:
        started = time.monotonic()
        with pytest.raises(ExternalUnavailableError, match=r"not done within 0\.5 s") as failed:
            await shop.call("GET", "/", idempotent=True)
    assert time.monotonic() - started < 15
    assert failed.value.may_have_happened


async def test_all_attempts_and_pauses_share_the_time() -> None:
    async with ScriptedServer(hang) as server:
        async with system(server.url, total_timeout=0.6, attempts=10) as shop:
            started = time.monotonic()
            with pytest.raises(ExternalUnavailableError):
                await shop.call("GET", "/", idempotent=True)
            assert time.monotonic() - started < 15
        assert len(server.requests) > 1


async def test_a_cancelled_call_stops_at_once() -> None:
    async with ScriptedServer(hang) as server, system(server.url, read_timeout=30, total_timeout=30) as shop:
        call = asyncio.create_task(shop.call("GET", "/", idempotent=True))
        async with asyncio.timeout(5):
            await server.asked.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call


def impatient_breaker() -> CircuitBreaker:
    return CircuitBreaker("shop", minimum_volume=2, open_seconds=60)


@pytest.mark.parametrize("failure", [hang, close, drip, answer(500)])
async def test_failures_open_the_circuit_and_spare_the_system(failure: Behaviour) -> None:
    breaker = impatient_breaker()
    async with ScriptedServer(failure) as server, system(server.url, breaker, total_timeout=0.4) as shop:
        for _ in range(2):
            with pytest.raises(ExternalUnavailableError):
                await shop.call("POST", "/", idempotent=False)
        assert breaker.state is State.OPEN
        with pytest.raises(CircuitOpenError) as refused:
            await shop.call("POST", "/", idempotent=False)
    assert not refused.value.may_have_happened
    assert len(server.requests) == 2
    assert REGISTRY.get_sample_value("external_circuit_state", {"system": "shop"}) == State.OPEN


async def test_a_circuit_that_opens_between_attempts_does_not_hide_the_effect() -> None:
    async with ScriptedServer(close) as server, system(server.url, impatient_breaker(), attempts=5) as shop:
        with pytest.raises(ExternalUnavailableError) as failed:
            await shop.call("POST", "/", idempotent=True)
    assert len(server.requests) == 2
    assert failed.value.may_have_happened


async def test_answers_that_say_no_leave_the_circuit_closed() -> None:
    breaker = impatient_breaker()
    async with ScriptedServer(answer(404), answer(429)) as server, system(server.url, breaker) as shop:
        await shop.call("GET", "/", idempotent=False)
        for _ in range(3):
            with pytest.raises(ExternalUnavailableError):
                await shop.call("GET", "/", idempotent=False)
    assert breaker.state is State.CLOSED


async def test_attempts_are_counted_by_outcome() -> None:
    def counted(outcome: str) -> float:
        return REGISTRY.get_sample_value("external_calls_total", {"system": "shop", "outcome": outcome}) or 0

    before = counted("200"), counted("503"), counted("failed")
    async with ScriptedServer(close, answer(503), answer()) as server, system(server.url) as shop:
        await shop.call("GET", "/", idempotent=True)
    assert (counted("200"), counted("503"), counted("failed")) == tuple(number + 1 for number in before)


async def test_a_system_without_an_address_is_none() -> None:
    async with system(None) as shop:
        assert not shop.is_configured
        with pytest.raises(NotConfiguredError, match="shop is not configured"):
            await shop.call("GET", "/", idempotent=True)
