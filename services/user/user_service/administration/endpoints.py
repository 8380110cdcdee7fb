"""Users for administrators, over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from storefront_common.conditional import etag, expected_version

from user_service.administration import service
from user_service.administration.access import ActingAdmin
from user_service.administration.schemas import (
    ActionPage,
    ActionQuery,
    Reason,
    UserDetails,
    UserPage,
    UserQuery,
    UserView,
)
from user_service.dependencies import DatabaseDependency

router = APIRouter(prefix="/api/users", tags=["administration"])

IfMatch = Annotated[str | None, Header()]


@router.get("")
async def list_users(
    query: Annotated[UserQuery, Query()], admin: ActingAdmin, database: DatabaseDependency
) -> UserPage:
    """List users page by page, from new to old; all of them, or those that a search finds."""
    return await database.read(lambda session: service.list_users(session, query))


@router.get("/actions")
async def list_actions(
    query: Annotated[ActionQuery, Query()], admin: ActingAdmin, database: DatabaseDependency
) -> ActionPage:
    """List what administrators did, from new to old."""
    return await database.read(lambda session: service.list_actions(session, query))


@router.get("/{user_id}")
async def get_user(
    user_id: UUID, admin: ActingAdmin, database: DatabaseDependency, response: Response
) -> UserDetails:
    """Show one user with their addresses."""
    user = await database.write(lambda session: service.get_user(session, user_id))
    response.headers["ETag"] = etag(user.version)
    return user


@router.post("/{user_id}/block")
async def block_user(
    user_id: UUID,
    given: Reason,
    admin: ActingAdmin,
    database: DatabaseDependency,
    response: Response,
    if_match: IfMatch = None,
) -> UserView:
    """Let a user only read from now on; other services hear of it and refuse new orders."""
    return await _set_blocked(user_id, given, admin, database, response, if_match, blocked=True)


@router.post("/{user_id}/unblock")
async def unblock_user(
    user_id: UUID,
    given: Reason,
    admin: ActingAdmin,
    database: DatabaseDependency,
    response: Response,
    if_match: IfMatch = None,
) -> UserView:
    """Give a user everything back that the block took."""
    return await _set_blocked(user_id, given, admin, database, response, if_match, blocked=False)


async def _set_blocked(
    user_id: UUID,
    given: Reason,
    admin: ActingAdmin,
    database: DatabaseDependency,
    response: Response,
    if_match: str | None,
    *,
    blocked: bool,
) -> UserView:
    expected = expected_version(if_match)
    user = await database.write(
        lambda session: service.set_blocked(
            session, admin, user_id, blocked=blocked, reason=given.reason, expected_version=expected
        )
    )
    response.headers["ETag"] = etag(user.version)
    return user
