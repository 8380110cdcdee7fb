"""One's own profile over HTTP."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Response
from storefront_common.conditional import etag, expected_version, is_current
from storefront_common.identity import SignedIn

from user_service.dependencies import DatabaseDependency
from user_service.profiles import service
from user_service.profiles.schemas import ProfileChange, ProfileView

router = APIRouter(prefix="/api/users/me", tags=["profile"])


@router.get("")
async def get_profile(
    identity: SignedIn,
    database: DatabaseDependency,
    response: Response,
    if_none_match: Annotated[str | None, Header()] = None,
) -> ProfileView:
    """Show one's own profile; the first request makes it."""
    user = await database.read(lambda session: service.find_current(session, identity))
    if user is None:
        user = await database.write(lambda session: service.own(session, identity))
    tag = etag(user.version)
    if is_current(if_none_match, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})  # type: ignore[return-value]
    response.headers["ETag"] = tag
    return service.view(user)


@router.patch("")
async def change_profile(
    change: ProfileChange,
    identity: SignedIn,
    database: DatabaseDependency,
    response: Response,
    if_match: Annotated[str | None, Header()] = None,
) -> ProfileView:
    """Change one's own profile; with `If-Match` only the version that the client has seen."""
    expected = expected_version(if_match)
    profile = await database.write(lambda session: service.change(session, identity, change, expected))
    response.headers["ETag"] = etag(profile.version)
    return profile
