"""Redis, in front of PostgreSQL: it makes reading carts quick, and nothing depends on it.

Every value carries the version that PostgreSQL gave it, and a newer one is never overwritten by an older one: a reader
that fills the cache late does no harm. What a writer could not tell Redis lives on there for `_KEPT_SECONDS` at most.
"""

import contextlib
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel
from storefront_common.cache import RedisConnection, RedisUnavailableError, count_lookups

from order_service.products.product import Product

_KEPT_SECONDS = 60
_GONE = 2**31 - 1
_SEPARATOR = b" "

# Redis runs a script as one step: no other writer comes between the look and the write.
_PUT = """
local old = redis.call('GET', KEYS[1])
if old and tonumber(string.match(old, '^%d+')) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'EX', ARGV[3])
return 1
"""

Document = TypeVar("Document", bound=BaseModel)


class Cache:
    """Keeps copies of products and carts. Nothing here raises: without Redis every look finds nothing."""

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis

    async def products(self, product_ids: Iterable[UUID]) -> dict[UUID, Product]:
        """Those of the products that the cache knows."""
        keys = {_product_key(product_id): product_id for product_id in product_ids}
        found = await self._get("product", list(keys), Product)
        return {keys[key]: product for key, product in found.items()}

    async def put_products(self, products: Iterable[Product]) -> None:
        """Let the cache know these products."""
        await self._put([(_product_key(each.id), each.version, each.model_dump_json()) for each in products])

    async def cart(self, key: str, kind: type[Document]) -> Document | None:
        """The cart under `key` (of `anonymous_key` or `owner_key`), if the cache knows it."""
        return (await self._get("cart", [key], kind)).get(key)

    async def put_cart(self, key: str, version: int, cart: BaseModel) -> None:
        """Let the cache know this version of a cart."""
        await self._put([(key, version, cart.model_dump_json())])

    async def drop_cart(self, key: str) -> None:
        """The cart is gone for good."""
        await self._put([(key, _GONE, "")])

    async def _get(self, kind: str, keys: Sequence[str], model: type[Document]) -> dict[str, Document]:
        if not keys:
            return {}
        try:
            texts: list[bytes | None] = await self._redis.run(lambda redis: redis.mget(keys))
        except RedisUnavailableError:
            count_lookups(kind, unavailable=len(keys))
            return {}
        found = {}
        for key, text in zip(keys, texts, strict=True):
            document = text.partition(_SEPARATOR)[2] if text else b""
            if document:
                try:
                    found[key] = model.model_validate_json(document)
                except ValueError:
                    continue  # another version of this service wrote it
        count_lookups(kind, hits=len(found), misses=len(keys) - len(found))
        return found

    async def _put(self, values: Sequence[tuple[str, int, str]]) -> None:
        if not values:
            return

        async def put(redis: Any) -> None:
            async with redis.pipeline(transaction=False) as pipeline:
                for key, version, document in values:
                    pipeline.eval(_PUT, 1, key, str(version), document, str(_KEPT_SECONDS))
                await pipeline.execute()

        with contextlib.suppress(RedisUnavailableError):
            await self._redis.run(put)


def anonymous_key(cart_id: str) -> str:
    """Where a cart that nobody owns is kept."""
    return f"order:cart:{cart_id}"


def owner_key(subject: str) -> str:
    """Where a customer's cart is kept."""
    return f"order:cart-of:{hashlib.sha256(subject.encode()).hexdigest()[:40]}"


def _product_key(product_id: UUID) -> str:
    return f"order:product:{product_id}"
