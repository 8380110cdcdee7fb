"""The profiles' statements. Each function is one statement; transactions are the caller's."""

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.identity import Identity

from user_service.profiles.tables import User


async def lock_subject(session: AsyncSession, subject: str) -> None:
    """Let no other transaction make or erase this subject's profile until this one ends."""
    statement = text("SELECT pg_advisory_xact_lock(hashtextextended(:subject, 0))")
    await session.execute(statement, {"subject": subject})


async def find_by_subject(session: AsyncSession, subject: str) -> User | None:
    """The profile of the identity provider's `subject`."""
    return (await session.execute(select(User).where(User.subject == subject))).scalar_one_or_none()


async def find(session: AsyncSession, user_id: UUID) -> User | None:
    """The profile of that id."""
    return (await session.execute(select(User).where(User.id == user_id))).scalar_one_or_none()


async def lock(session: AsyncSession, user_id: UUID) -> User | None:
    """The profile of that id as it is now; it stays so until the transaction ends."""
    statement = select(User).where(User.id == user_id).with_for_update()
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def create(session: AsyncSession, identity: Identity) -> User | None:
    """The new profile; None when another request made one."""
    statement = (
        insert(User)
        .values(id=uuid4(), subject=identity.subject, **claimed(identity))
        .on_conflict_do_nothing(index_elements=[User.subject])
    )
    return (await session.execute(statement.returning(User))).scalar_one_or_none()


async def follow_claims(session: AsyncSession, identity: Identity) -> User | None:
    """The profile with what `identity` claims; None when it says so already."""
    values = claimed(identity)
    differs = or_(*(getattr(User, column).is_distinct_from(value) for column, value in values.items()))
    return await _update(session, values, User.subject == identity.subject, differs)


async def change(session: AsyncSession, user_id: UUID, values: dict[str, Any]) -> User:
    """The profile, which the caller has locked, after the change."""
    changed = await _update(session, values, User.id == user_id)
    if changed is None:
        raise LookupError(f"there is no user {user_id}")
    return changed


def claimed(identity: Identity) -> dict[str, Any]:
    """The columns that follow the identity provider's claims."""
    return {
        "email": identity.email,
        "email_verified": identity.email_verified,
        "claimed_name": identity.name or None,
    }


async def _update(session: AsyncSession, values: dict[str, Any], *conditions: Any) -> User | None:
    statement = (
        update(User)
        .where(*conditions)
        .values(**values, version=User.version + 1, updated_at=func.now())
        .returning(User)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(statement)).scalar_one_or_none()
