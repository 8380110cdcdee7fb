"""Payments over HTTP: customers look at their own, administrators at all, and give money back."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import idempotency
from storefront_common.conditional import etag
from storefront_common.identity import Admin, SignedIn

from payment_service.dependencies import DatabaseDependency
from payment_service.payments import service, views
from payment_service.payments.schemas import PaymentPage, PaymentQuery, PaymentView
from payment_service.refunds import service as refunds
from payment_service.refunds.schemas import RefundDraft, RefundView

router = APIRouter(prefix="/api/payments", tags=["payments"])


@router.get("")
async def list_payments(
    query: Annotated[PaymentQuery, Query()], database: DatabaseDependency, asker: SignedIn
) -> PaymentPage:
    """List payments page by page, the newest first."""
    return await database.read(lambda session: views.list_payments(session, query, asker))


@router.get("/{payment_id}")
async def get_payment(
    payment_id: UUID, database: DatabaseDependency, asker: SignedIn, response: Response
) -> PaymentView:
    """Show one payment."""
    payment = await database.read(lambda session: views.show(session, payment_id, asker))
    response.headers["ETag"] = etag(payment.version)
    response.headers["Cache-Control"] = "no-store"
    return payment


@router.post("/{payment_id}/refunds", status_code=HTTPStatus.ACCEPTED)
async def create_refund(
    payment_id: UUID,
    draft: RefundDraft,
    database: DatabaseDependency,
    asker: Admin,
    response: Response,
    idempotency_key: Annotated[str, Header()],
) -> RefundView:
    """Give money back, once per `Idempotency-Key`; the gateway makes the refund afterwards."""
    idempotency.check_key(idempotency_key)
    refund, repeated = await database.write(
        lambda session: refunds.create(session, payment_id, draft, idempotency_key, asker.subject)
    )
    response.headers["Location"] = f"/api/payments/{payment_id}"
    if repeated:
        response.headers["Idempotent-Replayed"] = "true"
    return refund


@router.post("/{payment_id}/void", status_code=HTTPStatus.ACCEPTED)
async def void_payment(payment_id: UUID, database: DatabaseDependency, asker: Admin) -> PaymentView:
    """Give up a payment that is not captured; repeated, it changes nothing more."""

    async def work(session: AsyncSession) -> PaymentView:
        payment = await service.void(session, payment_id)
        await session.flush()
        await session.refresh(payment)
        return await views.view(session, payment, asker)

    return await database.write(work)
