"""Answers about single products and about the categories, as they are delivered, kept in Redis.

A reader that finds nothing reads the database and fills the cache, while somebody else may change the product. So a
change does not delete the entry but puts a mark in its place for longer than any read takes; a mark is not overwritten
by readers. What they had read before the change never gets into the cache.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from storefront_common.cache import RedisConnection, RedisUnavailableError, count_lookups

KEPT_SECONDS = 60
"""How long an entry lives: the longest time for which a change goes unnoticed if Redis was away when it happened."""

_CHANGED = b""
_CHANGED_SECONDS = 10
"""Longer than a request may spend on the database."""
_CATEGORIES = "product:categories"


class CachedAnswer(NamedTuple):
    """An answer as it is delivered."""

    etag: str
    body: bytes


class ProductCache:
    """The cache; each method does nothing while Redis is away, and none of them fails."""

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis

    async def product(self, product_id: UUID) -> CachedAnswer | None:
        """The answer about the product; None when it has to be asked for."""
        return _parse(await self._get("product", _key(product_id)))

    async def keep_product(self, product_id: UUID, answer: CachedAnswer) -> None:
        """Keep an answer that was read just now."""
        await self._fill(_key(product_id), _format(answer))

    async def categories(self) -> CachedAnswer | None:
        """The list of categories; None when it has to be asked for."""
        return _parse(await self._get("categories", _CATEGORIES))

    async def keep_categories(self, answer: CachedAnswer) -> None:
        """Keep a list that was read just now."""
        await self._fill(_CATEGORIES, _format(answer))

    async def forget(self, product_ids: Iterable[UUID], *, categories: bool = False) -> None:
        """Forget products, after the transaction that changed them was committed."""
        keys = [_key(product_id) for product_id in product_ids]
        await self._mark([*keys, _CATEGORIES] if categories else keys)

    async def _get(self, kind: str, key: str) -> bytes | None:
        try:
            value: bytes | None = await self._redis.run(lambda redis: redis.get(key))
        except RedisUnavailableError:
            count_lookups(kind, unavailable=1)
            return None
        if not value:
            count_lookups(kind, misses=1)
            return None
        count_lookups(kind, hits=1)
        return value

    async def _fill(self, key: str, value: bytes) -> None:
        try:
            await self._redis.run(lambda redis: redis.set(key, value, ex=KEPT_SECONDS, nx=True))
        except RedisUnavailableError:
            return

    async def _mark(self, keys: Iterable[str]) -> None:
        marks: Mapping[str, bytes] = dict.fromkeys(keys, _CHANGED)
        if not marks:
            return

        async def mark(redis: object) -> None:
            pipeline = redis.pipeline(transaction=False)  # type: ignore[attr-defined]
            for key, value in marks.items():
                pipeline.set(key, value, ex=_CHANGED_SECONDS)
            await pipeline.execute()

        try:
            await self._redis.run(mark)
        except RedisUnavailableError:
            return


def _key(product_id: UUID) -> str:
    return f"product:{product_id}"


def _format(answer: CachedAnswer) -> bytes:
    return answer.etag.encode() + b"\n" + answer.body


def _parse(value: bytes | None) -> CachedAnswer | None:
    if value is None:
        return None
    etag, _, body = value.partition(b"\n")
    return CachedAnswer(etag.decode(), body)
