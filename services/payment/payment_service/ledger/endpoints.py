"""The ledger over HTTP, for administrators."""

from typing import Annotated

from fastapi import APIRouter, Query
from storefront_common.identity import Admin

from payment_service.dependencies import DatabaseDependency
from payment_service.ledger import service
from payment_service.ledger.schemas import LedgerPage, LedgerQuery

router = APIRouter(prefix="/api/payments", tags=["ledger"])


@router.get("/ledger")
async def list_ledger_entries(
    query: Annotated[LedgerQuery, Query()], database: DatabaseDependency, _: Admin
) -> LedgerPage:
    """List the ledger page by page, the newest entries first."""
    return await database.read(lambda session: service.list_entries(session, query))
