"""Elasticsearch's HTTP API through the HTTP client that every service has.

Elastic's own client takes 26 MiB of a pod's memory, its transport alone 12: much for the dozen requests made here.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
import structlog
from storefront_common.external import CircuitBreaker, CircuitOpenError
from storefront_common.settings import ElasticsearchSettings, SecretUnreadableError

logger = structlog.stdlib.get_logger(__name__)

_OVERLOADED = 429
_CONNECTIONS = 10


class SearchUnavailableError(Exception):
    """Elasticsearch did not do what it was asked, or not in time."""


class SearchRefusedError(Exception):
    """Elasticsearch understood and refused."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status


class SearchConnection:
    """Elasticsearch, left alone for a moment when it has failed several times: then nobody waits for it."""

    def __init__(self, settings: ElasticsearchSettings) -> None:
        self._settings = settings
        self._breaker = CircuitBreaker(
            "elasticsearch", window_seconds=10.0, minimum_volume=3, open_seconds=3.0, half_open_probes=1
        )
        # One address, behind which Kubernetes chooses a member: another attempt is a caller's decision.
        self._client = httpx2.AsyncClient(
            base_url=str(settings.url),
            timeout=None,
            limits=httpx2.Limits(max_connections=_CONNECTIONS),
            trust_env=False,
        )

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        lines: Sequence[Mapping[str, Any]] | None = None,
        seconds: float | None = None,
        **parameters: str,
    ) -> dict[str, Any]:
        """The JSON answer.

        Args:
            body: sent as JSON.
            lines: sent as JSON, one a line.
            seconds: how long to wait for the answer; None: as long as for a search.

        Raises:
            SearchUnavailableError: it is away, slow, overloaded, or failed too often lately.
            SearchRefusedError: any other answer than success.
        """
        content, kind = _encoded(body, lines)
        headers = {"Accept": "application/json", **kind}
        request = self._client.build_request(
            method, path, content=content, params=parameters, headers=headers
        )
        try:
            async with self._breaker:
                status, answer = await self._send(
                    request, self._settings.request_timeout if seconds is None else seconds
                )
        except CircuitOpenError as error:
            raise SearchUnavailableError(str(error)) from None
        except SearchUnavailableError as error:
            logger.warning("elasticsearch failed", request=f"{method} {path}", reason=str(error))
            raise
        if status >= 300:
            raise SearchRefusedError(status, str(answer)[:500])
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _send(self, request: httpx2.Request, seconds: float) -> tuple[int, dict[str, Any]]:
        try:
            login = self._settings.login()
            async with asyncio.timeout(seconds):
                response = await self._client.send(request, auth=login)
        except TimeoutError:
            raise SearchUnavailableError(f"no answer within {seconds:g} s") from None
        except (httpx2.RequestError, SecretUnreadableError) as error:
            raise SearchUnavailableError(f"{type(error).__name__}: {error}") from error
        status = response.status_code
        if status >= 500 or status == _OVERLOADED:
            raise SearchUnavailableError(f"{status}: {response.text[:200]}")
        try:
            answer = response.json()
        except ValueError as error:
            raise SearchUnavailableError(f"{status} without JSON: {response.text[:200]}") from error
        return status, answer if isinstance(answer, dict) else {}


def _encoded(
    body: Mapping[str, Any] | None, lines: Sequence[Mapping[str, Any]] | None
) -> tuple[str | None, dict[str, str]]:
    """The content of a request, and the header that says what it is."""
    if lines is not None:
        return "".join(json.dumps(line) + "\n" for line in lines), {"Content-Type": "application/x-ndjson"}
    if body is not None:
        return json.dumps(body), {"Content-Type": "application/json"}
    return None, {}
