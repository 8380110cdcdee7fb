"""What administrators can do. Each function works in the transaction of the session it is given."""

from http import HTTPStatus
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.conditional import changed_meanwhile
from storefront_common.identity import Identity
from storefront_common.problems import Problem

from user_service import pagination
from user_service.addresses import repository as address_repository
from user_service.addresses import service as addresses
from user_service.administration import repository, search
from user_service.administration.schemas import (
    Action,
    ActionPage,
    ActionQuery,
    ActionView,
    UserDetails,
    UserPage,
    UserQuery,
    UserView,
)
from user_service.pagination import Cursor
from user_service.profiles import events
from user_service.profiles import repository as profile_repository
from user_service.profiles import service as profiles
from user_service.profiles.tables import User


def view(user: User) -> UserView:
    """`user` as administrators see it."""
    return UserView(**profiles.view(user).model_dump(), subject=user.subject)


async def list_users(session: AsyncSession, query: UserQuery) -> UserPage:
    """One page of the users that `query` asks for. One statement.

    Raises:
        InvalidInputError: `after` is no cursor.
    """
    after = pagination.decode(query.after)
    words = search.words(query.q or "")
    if query.q is not None and not words:
        return UserPage(items=[], next_cursor=None)
    # One more than asked for tells whether there is a next page.
    statement = repository.users_statement(query.limit + 1, after, words, query.subject, query.blocked)
    found = await repository.users(session, statement)
    shown = found[: query.limit]
    cursor = None
    if len(found) > query.limit:
        cursor = pagination.encode(Cursor(shown[-1].created_at, shown[-1].id))
    return UserPage(items=[view(user) for user in shown], next_cursor=cursor)


async def get_user(session: AsyncSession, user_id: UUID) -> UserDetails:
    """The user of that id with their addresses, or a 404."""
    user = await profile_repository.find(session, user_id)
    if user is None:
        raise not_found(user_id)
    present = await address_repository.of_user(session, user_id)
    return UserDetails(**view(user).model_dump(), addresses=[addresses.view(address) for address in present])


async def set_blocked(
    session: AsyncSession,
    admin: Identity,
    user_id: UUID,
    *,
    blocked: bool,
    reason: str,
    expected_version: int | None,
) -> UserView:
    """The user after being blocked or unblocked; nothing happens, and is noted, when they are so already.

    Raises:
        Problem: there is none (404), it is at another version than expected (412), it is oneself (409).
    """
    user = await profile_repository.lock(session, user_id)
    if user is None:
        raise not_found(user_id)
    if expected_version is not None and expected_version != user.version:
        raise changed_meanwhile(expected_version)
    if user.subject == admin.subject:
        raise Problem(HTTPStatus.CONFLICT, "Nobody blocks or unblocks themselves. Ask another administrator.")
    if user.blocked != blocked:
        user = await profile_repository.change(session, user_id, {"blocked": blocked})
        await repository.note(
            session, admin.subject, Action.BLOCK if blocked else Action.UNBLOCK, user_id, reason
        )
        await events.publish(session, user)
    return view(user)


async def list_actions(session: AsyncSession, query: ActionQuery) -> ActionPage:
    """One page of what administrators did. One statement.

    Raises:
        InvalidInputError: `after` is no cursor.
    """
    after = pagination.decode(query.after)
    found = await repository.actions(session, query.limit + 1, after, query.user_id)
    shown = found[: query.limit]
    cursor = None
    if len(found) > query.limit:
        cursor = pagination.encode(Cursor(shown[-1].at, shown[-1].id))
    items = [
        ActionView(
            id=each.id,
            at=each.at,
            admin=each.admin,
            action=Action(each.action),
            user_id=each.user_id,
            reason=each.reason,
        )
        for each in shown
    ]
    return ActionPage(items=items, next_cursor=cursor)


def not_found(user_id: UUID) -> Problem:
    """The answer to somebody who asks for a user that is not there (404)."""
    return Problem(HTTPStatus.NOT_FOUND, f"There is no user {user_id}.")
