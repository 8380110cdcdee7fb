"""What the API gateway does, as far as a test of the services needs it."""

from __future__ import annotations

from collections.abc import Mapping

import httpx2
from storefront_operator.components.gateway import ROUTES

ADDRESS = "http://shop.test"
"""Where clients find the shop."""


class WithoutGateway(httpx2.AsyncBaseTransport):
    """Sends requests for ADDRESS to the services by the gateway's own routes, with the token's payload as claims.

    Nobody checks the token: that is tested where the gateway is. Other requests go where they say.
    """

    def __init__(self, services: Mapping[str, str], credential: str) -> None:
        """`services`: base URLs by name; `credential`: of the gateway."""
        self._services = services
        self._credential = credential
        self._next = httpx2.AsyncHTTPTransport(limits=httpx2.Limits(max_connections=200), trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "shop.test":
            service = httpx2.URL(self._services[_service_of(request.url.path)])
            request.url = request.url.copy_with(host=service.host, port=service.port)
            token = request.headers.pop("Authorization", "").removeprefix("Bearer ")
            if token:
                request.headers["x-storefront-claims"] = token.split(".")[1]
            request.headers["x-storefront-gateway"] = self._credential
        return await self._next.handle_async_request(request)

    async def aclose(self) -> None:
        await self._next.aclose()


def _service_of(path: str) -> str:
    for service, prefixes in ROUTES.items():
        if any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes):
            return service
    raise AssertionError(f"the gateway has no route for {path}")
