"""Doing a thing once per key, however often and however concurrently it is asked for."""

import hashlib
from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from storefront_common.messaging.shared_tables import idempotency_keys as keys
from storefront_common.problems import InvalidInputError

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


async def claim(session: AsyncSession, key: str, request: str, scope: str | None = None) -> str | None:
    """Claim `key` for `request` in this transaction; the recorded answer when it was done before, else None.

    Of several transactions with one key the first proceeds, the others wait here until it ends.

    Args:
        key: what the client sent, after `check_key`.
        request: all that makes the request what it is, also the operation where a caller has several.
        scope: who asks, such as the identity's subject: nobody meets the keys of others. None: keys of everybody.

    Raises:
        InvalidInputError: the key was used for another request.
    """
    stored = _stored(key, scope)
    digest = hashlib.sha256(request.encode()).digest()
    claimed = insert(keys).values(key=stored, request_digest=digest).on_conflict_do_nothing()
    if (await session.execute(claimed.returning(keys.c.key))).scalar_one_or_none() is not None:
        await _prune(session)
        return None
    earlier = (
        await session.execute(select(keys.c.request_digest, keys.c.answer).where(keys.c.key == stored))
    ).one()
    if earlier.request_digest != digest:
        raise InvalidInputError("Idempotency-Key", key, "was used for a different request; use a new one")
    answer: str = earlier.answer
    return answer


async def record(session: AsyncSession, key: str, answer: str, scope: str | None = None) -> None:
    """Keep the answer that repetitions of the request under `key` get."""
    await session.execute(update(keys).where(keys.c.key == _stored(key, scope)).values(answer=answer))


def _stored(key: str, scope: str | None) -> str:
    # A digest keeps the column as it was before there were scopes, and people's subjects out of the table.
    return key if scope is None else hashlib.sha256(f"{scope}\0{key}".encode()).hexdigest()


async def _prune(session: AsyncSession) -> None:
    """Forget a few old keys: a little with each creation, so that nothing has to be scheduled."""
    old = (
        select(keys.c.key)
        .where(keys.c.created_at < func.now() - KEPT)
        .limit(_PRUNED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    await session.execute(delete(keys).where(keys.c.key.in_(old.scalar_subquery())))
