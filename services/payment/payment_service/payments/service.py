"""What can be done with payments. Each function works in the transaction of the session it is given."""

from datetime import UTC, datetime
from http import HTTPStatus
from uuid import UUID, uuid4

import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import tasks
from storefront_common.events import (
    EventData,
    Money,
    PaymentActionRequired,
    PaymentCaptured,
    PaymentFailed,
    PaymentRequested,
    PaymentVoided,
)
from storefront_common.messaging import outbox
from storefront_common.problems import Problem

from payment_service.gateway import Intent, Phase
from payment_service.ledger import repository as ledger
from payment_service.payments import lifecycle, repository
from payment_service.payments.lifecycle import Change, Facts, GiveUp, Notice, State
from payment_service.payments.tables import Payment

logger = structlog.stdlib.get_logger(__name__)

SETTLE = "settle"
"""Kind of the task that brings a payment to its end, one per payment."""

_STATES = Counter("payments_total", "Times that a payment came into a state", ["state"])
_FOREIGN = Counter("payment_intents_foreign_total", "Intents that the gateway has beside a payment's own")


async def request(session: AsyncSession, asked: PaymentRequested) -> None:
    """Have an order paid, unless it was cancelled; asked again, tell again how it stands."""
    await repository.lock_order(session, asked.order_id)
    payment = await repository.lock_by_order(session, asked.order_id)
    if payment is not None:
        facts = await repository.facts(session, payment)
        for notice in lifecycle.current_notices(facts)[-1:]:
            await _tell(session, payment, notice, facts)
        await settle_soon(session, payment.id)
        return
    cancelled = await repository.was_cancelled(session, asked.order_id)
    payment = Payment(
        id=uuid4(),
        order_id=asked.order_id,
        subject=asked.customer.subject,
        amount=asked.amount.amount,
        currency=asked.amount.currency,
        payment_method=asked.payment_method,
        state=State.PENDING,
        expires_at=asked.expires_at,
        give_up=GiveUp.ORDER_CANCELLED if cancelled else None,
        closed=False,
        version=1,
    )
    session.add(payment)
    await session.flush()
    _STATES.labels(State.PENDING).inc()
    await settle_soon(session, payment.id)


async def cancel_order(session: AsyncSession, order_id: UUID) -> None:
    """Give the money of a cancelled order back, or do not take it."""
    await repository.lock_order(session, order_id)
    payment = await repository.lock_by_order(session, order_id)
    if payment is None:
        await repository.note_cancelled(session, order_id)
        return
    await _give_up(session, payment, GiveUp.ORDER_CANCELLED)


async def void(session: AsyncSession, payment_id: UUID) -> Payment:
    """The payment that shall not be made any more.

    Raises:
        Problem: there is none (404), or it is captured or over (409).
    """
    payment = await repository.lock(session, payment_id)
    if payment is None:
        raise not_found(payment_id)
    if payment.state not in repository.UNSETTLED:
        detail = f"The payment is {payment.state.replace('_', ' ')}: there is nothing to void."
        if payment.state in (State.CAPTURED, State.PARTIALLY_REFUNDED):
            detail += " Refund it instead."
        raise Problem(HTTPStatus.CONFLICT, detail)
    await _give_up(session, payment, GiveUp.BY_SHOP)
    return payment


async def learn(session: AsyncSession, payment: Payment, intent: Intent) -> None:
    """Note what the gateway says about an intent of the payment, which must be locked; old news change nothing."""
    facts = await repository.facts(session, payment)
    try:
        change = lifecycle.observe(facts, intent)
    except lifecycle.ForeignIntentError as error:
        _FOREIGN.inc()
        logger.error("two intents for one order", payment=str(payment.id), reason=str(error))
        return
    if change is None:
        return
    payment.intent_id = intent.id
    payment.client_secret = intent.client_secret or payment.client_secret
    payment.next_action_url = intent.next_action_url
    await _apply(session, payment, change, intent)


async def settle_soon(session: AsyncSession, payment_id: UUID) -> None:
    """Have the next step of the payment done."""
    await tasks.enqueue(session, SETTLE, str(payment_id), {"paymentId": str(payment_id)})


async def end_without_intent(session: AsyncSession, payment_id: UUID) -> None:
    """Nothing happened at the gateway and nothing will: that is the end of the payment."""
    payment = await repository.lock(session, payment_id)
    assert payment is not None
    change = lifecycle.close(await repository.facts(session, payment))
    if change is not None:
        await _apply(session, payment, change, None)


async def reject(
    session: AsyncSession, payment_id: UUID, code: str, *, asked_before: datetime | None
) -> None:
    """The gateway refused to make an intent, for a reason that stays; `asked_before`: of an earlier attempt, if any."""
    payment = await repository.lock(session, payment_id)
    assert payment is not None
    payment.failure = code
    payment.asked_at = asked_before
    if payment.give_up is None:
        payment.give_up = GiveUp.REJECTED


async def not_asked(session: AsyncSession, payment_id: UUID, asked_before: datetime | None) -> None:
    """The gateway was certainly not reached this time; `asked_before`: of an earlier attempt, if any."""
    payment = await repository.lock(session, payment_id)
    assert payment is not None
    payment.asked_at = asked_before


async def refresh_state(session: AsyncSession, payment: Payment) -> None:
    """Derive the state anew after the books have changed."""
    _enter(payment, await repository.facts(session, payment))


def not_found(payment_id: UUID) -> Problem:
    """There is no such payment, or it is none of the asker's business."""
    return Problem(HTTPStatus.NOT_FOUND, f"There is no payment {payment_id}.")


async def _give_up(session: AsyncSession, payment: Payment, reason: GiveUp) -> None:
    payment.give_up = lifecycle.give_up(await repository.facts(session, payment), reason).give_up
    repository.touch(payment)
    await settle_soon(session, payment.id)


async def _apply(session: AsyncSession, payment: Payment, change: Change, intent: Intent | None) -> None:
    """Write down what follows from news."""
    facts = change.facts
    payment.phase = facts.phase
    payment.failure = facts.failure
    payment.closed = facts.closed
    if facts.closed or facts.phase in (Phase.CAPTURED, Phase.CANCELLED):
        payment.payment_method = payment.client_secret = payment.next_action_url = None
    for kind, amount in change.entries:
        assert intent is not None
        await ledger.add(
            session,
            payment_id=payment.id,
            order_id=payment.order_id,
            kind=kind,
            amount=amount,
            currency=intent.currency,
            gateway_object=intent.id,
        )
    _enter(payment, facts)
    for notice in change.notices:
        payment.version += 1
        await _tell(session, payment, notice, facts)


def _enter(payment: Payment, facts: Facts) -> None:
    state = lifecycle.state(facts)
    if payment.state != state:
        payment.state = state
        _STATES.labels(state).inc()
    repository.touch(payment)


async def _tell(session: AsyncSession, payment: Payment, notice: Notice, facts: Facts) -> None:
    await outbox.add(session, _event(payment, notice, facts), str(payment.order_id), payment.version)


def _event(payment: Payment, notice: Notice, facts: Facts) -> EventData:
    match notice:
        case Notice.ACTION_REQUIRED:
            return PaymentActionRequired(
                order_id=payment.order_id,
                payment_id=payment.id,
                client_secret=payment.client_secret or "",
                next_action_url=payment.next_action_url,
                expires_at=payment.expires_at,
            )
        case Notice.CAPTURED:
            return PaymentCaptured(
                order_id=payment.order_id,
                payment_id=payment.id,
                amount=Money(amount=facts.captured, currency=payment.currency),
            )
        case Notice.VOIDED:
            return PaymentVoided(order_id=payment.order_id, payment_id=payment.id)
        case Notice.FAILED:
            reason = payment.failure or payment.give_up or "declined"
            return PaymentFailed(order_id=payment.order_id, payment_id=payment.id, reason=reason)


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)
