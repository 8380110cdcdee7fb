"""HTTP for customers: patient where a person would press the button again."""

import asyncio
import time
from typing import Any

import httpx2

Json = Any

_AGAIN = frozenset([429, 502, 503, 504])
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


class AnswerError(Exception):
    """The shop refused. `status` and `detail` are those of its problem document."""

    def __init__(self, request: str, status: int, detail: str) -> None:
        super().__init__(f"{request}: {status} {detail}")
        self.status = status
        self.detail = detail


class LocalhostTransport(httpx2.AsyncBaseTransport):
    """Finds `*.localhost` on this machine, as browsers do and many resolvers do not (RFC 6761).

    Every host has connections of its own: what listens on this machine may have chosen by the first request of a
    connection where all of it goes.
    """

    def __init__(self, limits: httpx2.Limits) -> None:
        self._limits = limits
        self._of_hosts: dict[str, httpx2.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.host
        if host not in self._of_hosts:
            self._of_hosts[host] = httpx2.AsyncHTTPTransport(limits=self._limits, trust_env=False)
        if host.endswith(".localhost"):
            # The Host header was written when the request was made.
            request.url = request.url.copy_with(host="127.0.0.1")
        return await self._of_hosts[host].handle_async_request(request)

    async def aclose(self) -> None:
        for transport in self._of_hosts.values():
            await transport.aclose()


def client(connections: int = 100) -> httpx2.AsyncClient:
    """A client for any number of customers at once; it uses no proxy and follows no redirect."""
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx2.AsyncClient(transport=LocalhostTransport(limits), timeout=15, trust_env=False)


async def ask(
    http: httpx2.AsyncClient, method: str, url: str, *, patience: float = 60.0, **options: Any
) -> httpx2.Response:
    """The answer to a request that may safely be sent again: while nothing or "later" comes back, it is, for up to
    `patience` seconds.

    Raises:
        AnswerError: the answer is an error, or there was none in the end.
    """
    deadline = time.monotonic() + patience
    pause = _FIRST_PAUSE
    while True:
        try:
            response = await http.request(method, url, **options)
        except httpx2.TransportError as error:
            if time.monotonic() > deadline:
                raise AnswerError(
                    f"{method} {url}", 0, f"no answer: {type(error).__name__} {error}"
                ) from error
        else:
            if response.is_success:
                return response
            if response.status_code not in _AGAIN or time.monotonic() > deadline:
                raise AnswerError(f"{method} {url}", response.status_code, _detail(response))
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _detail(response: httpx2.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200]
