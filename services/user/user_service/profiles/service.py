"""What can be done with one's own profile. Each function works in the transaction of the session it is given."""

from http import HTTPStatus

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.conditional import changed_meanwhile
from storefront_common.identity import Identity
from storefront_common.problems import Problem

from user_service.erasure.tombstones import is_erased
from user_service.profiles import events, repository
from user_service.profiles.schemas import ProfileChange, ProfileView
from user_service.profiles.tables import User


def view(user: User) -> ProfileView:
    """`user` as its owner sees it."""
    return ProfileView(
        id=user.id,
        email=user.email,
        email_verified=user.email_verified,
        name=user.name,
        phone=user.phone,
        blocked=user.blocked,
        version=user.version,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )


async def find_current(session: AsyncSession, identity: Identity) -> User | None:
    """The caller's profile, when there is one that says what `identity` claims. One statement."""
    user = await repository.find_by_subject(session, identity.subject)
    if user is None:
        return None
    claimed = repository.claimed(identity)
    return user if all(getattr(user, column) == value for column, value in claimed.items()) else None


async def own(session: AsyncSession, identity: Identity) -> User:
    """The caller's profile: made at the first request, brought up to date when the claims have changed.

    Raises:
        Problem: the person was erased (410).
    """
    user = await repository.follow_claims(session, identity)
    if user is None:
        user = await repository.find_by_subject(session, identity.subject)
        if user is not None:
            return user
        await repository.lock_subject(session, identity.subject)
        if await is_erased(session, identity.subject):
            raise erased()
        user = await repository.create(session, identity)
        if user is None:
            # Another request made it while this one waited for the lock, from claims of the same moment.
            return await own(session, identity)
    await events.publish(session, user)
    return user


async def own_to_change(session: AsyncSession, identity: Identity) -> User:
    """The caller's profile, locked until the transaction ends, for changing it or what belongs to it.

    Raises:
        Problem: the person is blocked (403) or erased (410).
    """
    user = await repository.lock(session, (await own(session, identity)).id)
    if user is None:
        raise erased()
    if user.blocked:
        raise blocked()
    return user


async def change(
    session: AsyncSession, identity: Identity, given: ProfileChange, expected_version: int | None
) -> ProfileView:
    """The profile after the change; 412 when it is at another version than expected."""
    user = await own_to_change(session, identity)
    if expected_version is not None and expected_version != user.version:
        raise changed_meanwhile(expected_version)
    columns = {"name": "chosen_name", "phone": "phone"}
    values = {columns[field]: value for field, value in given.model_dump(exclude_unset=True).items()}
    if any(getattr(user, column) != value for column, value in values.items()):
        user = await repository.change(session, user.id, values)
        await events.publish(session, user)
    return view(user)


def blocked() -> Problem:
    """The answer to somebody who may only read (403)."""
    return Problem(
        HTTPStatus.FORBIDDEN,
        "This account is blocked: it can be read and exported, not used. Ask the shop to unblock it.",
    )


def erased() -> Problem:
    """The answer to somebody who asked to be forgotten (410)."""
    return Problem(
        HTTPStatus.GONE,
        "This account was erased and does not come back. Use another account at the identity provider.",
    )
