"""Doing a thing once per key, however often and however concurrently it is asked for."""

import hashlib
from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.problems import InvalidInputError

from product_service.idempotency.tables import IdempotencyKey

KEPT = timedelta(hours=24)
"""How long a key is remembered at least."""

_PRUNED_AT_ONCE = 20


def check_key(key: str) -> None:
    """Refuse a key that cannot be one.

    Raises:
        InvalidInputError: it is empty, too long or not printable ASCII.
    """
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise InvalidInputError("Idempotency-Key", key, "must be 1 to 255 printable ASCII characters")


async def claim(session: AsyncSession, key: str, request: str) -> str | None:
    """Claim `key` for `request` in this transaction; the recorded answer when it was done before, else None.

    Of several transactions with one key the first proceeds, the others wait here until it ends.

    Raises:
        InvalidInputError: the key was used for another request.
    """
    digest = hashlib.sha256(request.encode()).digest()
    claimed = insert(IdempotencyKey).values(key=key, request_digest=digest).on_conflict_do_nothing()
    if (await session.execute(claimed.returning(IdempotencyKey.key))).scalar_one_or_none() is not None:
        await _prune(session)
        return None
    earlier = (
        await session.execute(
            select(IdempotencyKey.request_digest, IdempotencyKey.answer).where(IdempotencyKey.key == key)
        )
    ).one()
    if earlier.request_digest != digest:
        raise InvalidInputError("Idempotency-Key", key, "was used for a different request; use a new one")
    answer: str = earlier.answer
    return answer


async def record(session: AsyncSession, key: str, answer: str) -> None:
    """Keep the answer that repetitions of the request under `key` get."""
    await session.execute(update(IdempotencyKey).where(IdempotencyKey.key == key).values(answer=answer))


async def _prune(session: AsyncSession) -> None:
    """Forget a few old keys: a little with each creation, so that nothing has to be scheduled."""
    old = (
        select(IdempotencyKey.key)
        .where(IdempotencyKey.created_at < func.now() - KEPT)
        .limit(_PRUNED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    await session.execute(delete(IdempotencyKey).where(IdempotencyKey.key.in_(old.scalar_subquery())))
