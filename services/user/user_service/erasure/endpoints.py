"""Erasing people over HTTP: oneself, or a user as an administrator."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from storefront_common.identity import SignedIn

from user_service.administration.access import ActingAdmin
from user_service.dependencies import DatabaseDependency
from user_service.erasure import service
from user_service.erasure.schemas import ErasurePage, ErasureQuery, ErasureView

router = APIRouter(prefix="/api/users", tags=["erasure"])


@router.delete("/me", status_code=HTTPStatus.ACCEPTED)
async def erase_own(identity: SignedIn, database: DatabaseDependency, response: Response) -> ErasureView:
    """Erase oneself, in all services and for good: the account does not come back."""
    erasure = await database.write(lambda session: service.erase_own(session, identity))
    response.headers["Location"] = "/api/users/me/erasure"
    return erasure


@router.get("/me/erasure")
async def show_own_erasure(identity: SignedIn, database: DatabaseDependency) -> ErasureView:
    """Show how far one's own erasure is."""
    return await database.read(lambda session: service.find_own(session, identity))


@router.get("/erasures")
async def list_erasures(
    query: Annotated[ErasureQuery, Query()], admin: ActingAdmin, database: DatabaseDependency
) -> ErasurePage:
    """List erasures, from new to old, with the services that are outstanding."""
    return await database.read(lambda session: service.list_erasures(session, query))


@router.get("/erasures/{erasure_id}")
async def show_erasure(erasure_id: UUID, admin: ActingAdmin, database: DatabaseDependency) -> ErasureView:
    """Show how far an erasure is."""
    return await database.read(lambda session: service.find(session, erasure_id))


@router.delete("/{user_id}", status_code=HTTPStatus.ACCEPTED)
async def erase_user(
    user_id: UUID, admin: ActingAdmin, database: DatabaseDependency, response: Response
) -> ErasureView:
    """Erase a user, in all services and for good: the account does not come back."""
    erasure = await database.write(lambda session: service.erase_user(session, admin, user_id))
    response.headers["Location"] = f"/api/users/erasures/{erasure.id}"
    return erasure
