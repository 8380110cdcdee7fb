"""Redis as a cache: a service is faster with it and complete without. It may fail at any time, and costs little."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import redis.asyncio
import redis.exceptions
import structlog
from prometheus_client import Counter
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.retry import Retry

from storefront_common.external import CircuitBreaker, CircuitOpenError
from storefront_common.settings import RedisSettings, SecretUnreadableError

logger = structlog.stdlib.get_logger(__name__)

Result = TypeVar("Result")

_LOOKUPS = Counter("cache_lookups_total", "Values that the cache was asked for", ["kind", "outcome"])

_CONNECTIONS = 20
_FAILURES = (redis.exceptions.RedisError, OSError, TimeoutError, SecretUnreadableError)


class RedisUnavailableError(Exception):
    """Redis did not do what it was asked, or not in time."""


class _Login(CredentialProvider):
    """Reads the password for each connection, so that a rotated one is used."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings

    def get_credentials(self) -> tuple[str, str]:
        return self._settings.user, self._settings.password()


class RedisConnection:
    """Redis, left alone for a moment when it has failed several times: then nobody waits for it."""

    def __init__(self, settings: RedisSettings) -> None:
        self._limit = settings.command_timeout
        self._breaker = CircuitBreaker(
            "redis", window_seconds=5.0, minimum_volume=3, open_seconds=1.0, half_open_probes=1
        )
        self._client = redis.asyncio.Redis(
            connection_pool=redis.asyncio.BlockingConnectionPool(
                max_connections=_CONNECTIONS,
                timeout=settings.command_timeout,
                host=settings.host,
                port=settings.port,
                credential_provider=_Login(settings),
                socket_connect_timeout=settings.connect_timeout,
                socket_timeout=settings.command_timeout,
                socket_keepalive=True,
                # A connection that its server has closed is replaced at once; everything else is a failure.
                retry=Retry(NoBackoff(), 1),
                retry_on_error=[redis.exceptions.ConnectionError],
                protocol=2,
            )
        )

    async def run(self, commands: Callable[[Any], Awaitable[Result]]) -> Result:
        """What `commands` get from Redis.

        Raises:
            RedisUnavailableError: it is away, slow, or failed too often lately.
        """
        try:
            async with self._breaker, asyncio.timeout(2 * self._limit):
                return await commands(self._client)
        except CircuitOpenError as error:
            raise RedisUnavailableError(str(error)) from None
        except _FAILURES as error:
            if isinstance(error, redis.exceptions.ReadOnlyError):
                # A replica now: the next connection may reach the primary.
                await self._client.connection_pool.disconnect(inuse_connections=False)
            logger.warning("redis failed", reason=f"{type(error).__name__}: {error}")
            raise RedisUnavailableError(str(error)) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose(close_connection_pool=True)


def count_lookups(kind: str, *, hits: int = 0, misses: int = 0, unavailable: int = 0) -> None:
    """Count values that were asked for by what came of it; `kind` names what they are."""
    for outcome, number in (("hit", hits), ("miss", misses), ("unavailable", unavailable)):
        if number:
            _LOOKUPS.labels(kind, outcome).inc(number)
