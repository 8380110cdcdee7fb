"""A copy of one's own data over HTTP."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Response
from storefront_common import idempotency
from storefront_common.identity import SignedIn

from user_service.dependencies import DatabaseDependency
from user_service.exports import service
from user_service.exports.schemas import ExportView

router = APIRouter(prefix="/api/users/me/exports", tags=["export"])


@router.post("", status_code=HTTPStatus.ACCEPTED)
async def request_export(
    identity: SignedIn,
    database: DatabaseDependency,
    response: Response,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> ExportView:
    """Request a copy of all that the shop holds about oneself; one that is being collected is not begun anew."""
    if idempotency_key is not None:
        idempotency.check_key(idempotency_key)
    export, repeated = await database.write(
        lambda session: service.request(session, identity, idempotency_key)
    )
    response.headers["Location"] = f"/api/users/me/exports/{export.id}"
    if repeated:
        response.headers["Idempotent-Replayed"] = "true"
    return export


@router.get("/{export_id}")
async def show_export(
    export_id: UUID, identity: SignedIn, database: DatabaseDependency, response: Response
) -> ExportView:
    """Show how far an export is, and once it is complete the document itself."""
    export = await database.read(lambda session: service.find(session, identity, export_id))
    response.headers["Cache-Control"] = "no-store"
    return export
