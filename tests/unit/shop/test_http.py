"""A customer's patience."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import httpx2
import pytest
from storefront_dev.shop.http import AnswerError, LocalhostTransport, ask

Answer = Callable[[], httpx2.Response]


def _problem(status: int) -> httpx2.Response:
    return httpx2.Response(status, json={"detail": f"this is {status}"})


def _no_answer() -> httpx2.Response:
    raise httpx2.ReadTimeout("no answer")


async def _ask(*answers: Answer, patience: float = 60.0) -> tuple[httpx2.Response, int]:
    """The answer to a request to a server that answers so, and how many of its answers were taken."""
    waiting = list(answers)

    def handle(request: httpx2.Request) -> httpx2.Response:
        return waiting.pop(0)()

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handle)) as http:
        response = await ask(http, "GET", "http://shop.example/", patience=patience)
    return response, len(answers) - len(waiting)


@pytest.mark.parametrize("first", [_no_answer, lambda: _problem(503), lambda: _problem(429)])
async def test_what_may_succeed_later_is_asked_again(first: Answer) -> None:
    response, asked = await _ask(first, lambda: httpx2.Response(200))
    assert (response.status_code, asked) == (200, 2)


@pytest.mark.parametrize("status", [400, 409, 422, 500])
async def test_what_was_refused_is_not_asked_again(status: int) -> None:
    with pytest.raises(AnswerError, match=f"{status} this is {status}") as refusal:
        await _ask(lambda: _problem(status))
    assert refusal.value.status == status


@pytest.mark.parametrize(("answer", "status"), [(_no_answer, 0), (lambda: _problem(503), 503)])
async def test_patience_ends(answer: Answer, status: int) -> None:
    with pytest.raises(AnswerError) as end:
        await _ask(answer, patience=-1)
    assert end.value.status == status


async def test_localhost_is_this_machine_by_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[httpx2.Request] = []

    async def send(self: object, request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200)

    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", send)
    async with httpx2.AsyncClient(transport=LocalhostTransport(httpx2.Limits())) as http:
        await http.get("http://mail.standins.localhost:8080/")
        await http.get("http://shop.example/")
    assert [str(request.url) for request in sent] == ["http://127.0.0.1:8080/", "http://shop.example/"]
    assert [request.headers["Host"] for request in sent] == ["mail.standins.localhost:8080", "shop.example"]


async def test_hosts_share_no_connections() -> None:
    first_hosts: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers the requests of a connection, and notes to whom the first was."""
        head = await reader.readuntil(b"\r\n\r\n")
        first_hosts.append(head.decode().split("Host: ")[1].split(".")[0])
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await reader.readuntil(b"\r\n\r\n")
        ended.release()

    ended = asyncio.Semaphore(0)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        async with httpx2.AsyncClient(transport=LocalhostTransport(httpx2.Limits())) as http:
            for host in ("identity", "shop", "identity"):
                await http.get(f"http://{host}.localhost:{port}/")
        for _ in first_hosts:
            await ended.acquire()
    assert first_hosts == ["identity", "shop"]
