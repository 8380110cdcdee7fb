"""Giving money back. Each function works in the transaction of the session it is given."""

from http import HTTPStatus
from uuid import UUID, uuid4

import structlog
from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import idempotency, tasks
from storefront_common.events import Money as EventMoney
from storefront_common.events import PaymentRefunded
from storefront_common.messaging import outbox
from storefront_common.problems import Problem
from storefront_common.schemas import Money

from payment_service.gateway import RefundReport, RefundStatus
from payment_service.ledger import repository as ledger
from payment_service.ledger.entries import Entry
from payment_service.payments import repository as payments
from payment_service.payments import service as payment_service
from payment_service.payments.tables import Payment
from payment_service.refunds import repository
from payment_service.refunds.schemas import RefundDraft, RefundView
from payment_service.refunds.tables import AT_GATEWAY, BECAUSE_CANCELLED, BY_SHOP, Refund

logger = structlog.stdlib.get_logger(__name__)

REFUND = "refund"
"""Kind of the task that has the gateway make a refund, one per refund."""


def view(refund: Refund) -> RefundView:
    """`refund` as clients see it."""
    return RefundView.model_validate(
        {
            "id": refund.id,
            "payment_id": refund.payment_id,
            "amount": Money.model_validate({"amount": refund.amount, "currency": refund.currency}),
            "state": refund.state,
            "origin": refund.origin,
            "reason": refund.reason,
            "failure": refund.failure,
            "created_at": refund.created_at,
            "updated_at": refund.updated_at,
        }
    )


async def create(
    session: AsyncSession, payment_id: UUID, draft: RefundDraft, key: str, asker: str
) -> tuple[RefundView, bool]:
    """The refund that will be made, and whether it is the answer to a repeated request.

    Of what is asked for at the same moment only as much is accepted as there is to give back.

    Raises:
        InvalidInputError: `key` was used for something else.
        Problem: there is no such payment (404), or it has not that much to give back (409).
    """
    asked = f"refund {payment_id} {draft.model_dump_json()}"
    earlier = await idempotency.claim(session, key, asked, scope=asker)
    if earlier is not None:
        return RefundView.model_validate_json(earlier), True
    payment = await payments.lock(session, payment_id)
    if payment is None:
        raise payment_service.not_found(payment_id)
    left = await _left(session, payment)
    if draft.amount.amount > left:
        message = (
            f"only {left} can be given back" if left else f"the payment is {payment.state.replace('_', ' ')}"
        )
        raise Problem(
            HTTPStatus.CONFLICT,
            f"amount: {message}",
            errors=[{"field": "amount", "value": draft.amount.amount, "message": message}],
        )
    refund = await _add(session, payment, draft.amount.amount, BY_SHOP, draft.reason)
    created = view(refund)
    await idempotency.record(session, key, created.model_dump_json(), scope=asker)
    return created, False


async def refund_rest(session: AsyncSession, payment_id: UUID) -> None:
    """Give back all that is left of a payment whose order was cancelled; once."""
    payment = await payments.lock(session, payment_id)
    assert payment is not None
    left = await _left(session, payment)
    if left and not await repository.was_cancelled(session, payment_id):
        await _add(session, payment, left, BECAUSE_CANCELLED, None)


async def learn(session: AsyncSession, payment: Payment, report: RefundReport) -> None:
    """Note what the gateway says about a refund of the payment, which must be locked; old news change nothing."""
    refund = await repository.find_by_gateway_id(session, report.id)
    if refund is None and report.refund_id is not None:
        refund = await repository.find(session, report.refund_id)
    if refund is None:
        # Somebody made it at the gateway's own pages.
        refund = await _add(session, payment, report.amount, AT_GATEWAY, None, known_as=report.id)
    if refund.payment_id != payment.id or refund.state == repository.FAILED:
        return
    refund.gateway_id = report.id
    match report.status:
        case RefundStatus.SUCCEEDED if refund.state == repository.REQUESTED:
            refund.state = repository.SUCCEEDED
            refund.updated_at = func.now()
            await _book(session, payment, report, Entry.REFUNDED)
            await _tell(session, payment, refund)
        case RefundStatus.FAILED:
            came_back = refund.state == repository.SUCCEEDED
            _fail(refund, report.failure or "failed")
            if came_back:
                await _book(session, payment, report, Entry.REFUND_FAILED)


async def refuse(session: AsyncSession, refund_id: UUID, code: str) -> None:
    """The gateway will not make that refund."""
    refund = await repository.find(session, refund_id)
    assert refund is not None
    payment = await payments.lock(session, refund.payment_id)
    assert payment is not None
    await session.refresh(refund)
    if refund.state == repository.REQUESTED:
        _fail(refund, code)


async def _left(session: AsyncSession, payment: Payment) -> int:
    """What can still be given back. The payment must be locked: who asks next sees what was asked before."""
    balance = (await ledger.balances(session, [payment.id]))[payment.id]
    asked_for = (await repository.open_amounts(session, [payment.id]))[payment.id]
    return max(0, balance.kept - asked_for)


async def _add(
    session: AsyncSession,
    payment: Payment,
    amount: int,
    origin: str,
    reason: str | None,
    known_as: str | None = None,
) -> Refund:
    refund = Refund(
        id=uuid4(),
        payment_id=payment.id,
        amount=amount,
        currency=payment.currency,
        state=repository.REQUESTED,
        origin=origin,
        reason=reason,
        gateway_id=known_as,
    )
    session.add(refund)
    await session.flush()
    await session.refresh(refund)
    if known_as is None:
        await tasks.enqueue(session, REFUND, str(refund.id), {"refundId": str(refund.id)})
    return refund


def _fail(refund: Refund, failure: str) -> None:
    refund.state = repository.FAILED
    refund.failure = failure
    refund.updated_at = func.now()
    logger.error("a refund failed", refund=str(refund.id), payment=str(refund.payment_id), reason=failure)


async def _book(session: AsyncSession, payment: Payment, report: RefundReport, kind: Entry) -> None:
    await ledger.add(
        session,
        payment_id=payment.id,
        order_id=payment.order_id,
        kind=kind,
        amount=report.amount,
        currency=report.currency,
        gateway_object=report.id,
    )
    await payment_service.refresh_state(session, payment)


async def _tell(session: AsyncSession, payment: Payment, refund: Refund) -> None:
    balance = (await ledger.balances(session, [payment.id]))[payment.id]
    payment.version += 1
    event = PaymentRefunded(
        order_id=payment.order_id,
        payment_id=payment.id,
        refund_id=str(refund.id),
        amount=EventMoney(amount=refund.amount, currency=refund.currency),
        total_refunded=EventMoney(amount=balance.refunded, currency=payment.currency),
    )
    await outbox.add(session, event, str(payment.order_id), payment.version)
