"""Who has been erased: remembered by a hash, so that nothing brings their data back."""

import hashlib

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from user_service.erasure.tables import Erasure


def subject_hash(subject: str) -> bytes:
    """What is left of a subject."""
    return hashlib.sha256(b"storefront erased subject\0" + subject.encode()).digest()


async def is_erased(session: AsyncSession, subject: str) -> bool:
    """Whether this person asked to be forgotten."""
    statement = select(Erasure.id).where(Erasure.subject_hash == subject_hash(subject))
    return (await session.execute(statement)).scalar_one_or_none() is not None
