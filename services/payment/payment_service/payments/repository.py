"""The statements about payments. Transactions are the caller's."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, literal, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from payment_service.gateway import Phase
from payment_service.ledger import repository as ledger
from payment_service.ledger.entries import Balance
from payment_service.payments.lifecycle import Facts, GiveUp, State
from payment_service.payments.tables import CancelledOrder, Payment
from payment_service.refunds import repository as refunds

UNSETTLED = (State.PENDING, State.ACTION_REQUIRED, State.AUTHORISED)


async def lock_order(session: AsyncSession, order_id: UUID) -> None:
    """Let no other transaction learn about that order before this one ends.

    A row cannot be locked that is not there yet: else a request and a cancellation, at the same moment, would each
    overlook the other.
    """
    key = int.from_bytes(order_id.bytes[:8], "big", signed=True)
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


async def find(session: AsyncSession, payment_id: UUID) -> Payment | None:
    """The payment of that id."""
    return (await session.execute(select(Payment).where(Payment.id == payment_id))).scalar_one_or_none()


async def lock(session: AsyncSession, payment_id: UUID) -> Payment | None:
    """The payment of that id, until the end of the transaction for us alone."""
    statement = select(Payment).where(Payment.id == payment_id).with_for_update()
    return (await session.execute(statement)).scalar_one_or_none()


async def lock_by_order(session: AsyncSession, order_id: UUID) -> Payment | None:
    """The payment of that order, until the end of the transaction for us alone."""
    statement = select(Payment).where(Payment.order_id == order_id).with_for_update()
    return (await session.execute(statement)).scalar_one_or_none()


async def lock_by_intent(session: AsyncSession, intent_id: str) -> Payment | None:
    """The payment with that intent, until the end of the transaction for us alone."""
    statement = select(Payment).where(Payment.intent_id == intent_id).with_for_update()
    return (await session.execute(statement)).scalar_one_or_none()


async def note_cancelled(session: AsyncSession, order_id: UUID) -> None:
    """Remember that an order was cancelled before its payment was asked for."""
    await session.execute(insert(CancelledOrder).values(order_id=order_id).on_conflict_do_nothing())


async def was_cancelled(session: AsyncSession, order_id: UUID) -> bool:
    """Whether an order was cancelled before its payment was asked for."""
    statement = select(exists().where(CancelledOrder.order_id == order_id))
    return bool((await session.execute(statement)).scalar_one())


async def facts(session: AsyncSession, payment: Payment) -> Facts:
    """What is known of the payment. Right only after it was locked: the books are read by statements of their own."""
    balance = (await ledger.balances(session, [payment.id]))[payment.id]
    open_amounts = await refunds.open_amounts(session, [payment.id])
    return facts_of(payment, balance, open_amounts[payment.id])


def facts_of(payment: Payment, balance: Balance, refunding: int) -> Facts:
    """What a row and the books say together."""
    return Facts(
        amount=payment.amount,
        expires_at=payment.expires_at,
        intent_id=payment.intent_id,
        phase=None if payment.phase is None else Phase(payment.phase),
        authorised=balance.was_authorised,
        captured=balance.captured,
        refunded=balance.refunded,
        refunding=refunding,
        give_up=None if payment.give_up is None else GiveUp(payment.give_up),
        failure=payment.failure,
        asked_at=payment.asked_at,
        closed=payment.closed,
    )


async def page(
    session: AsyncSession,
    limit: int,
    *,
    after: tuple[datetime, UUID] | None,
    subject: str | None,
    order_id: UUID | None,
    state: State | None,
) -> list[Payment]:
    """At most `limit` payments behind `after`, the newest first; of one customer, order, state if given."""
    statement = select(Payment).order_by(Payment.created_at.desc(), Payment.id.desc()).limit(limit)
    if after is not None:
        created_at, payment_id = after
        here = tuple_(Payment.created_at, Payment.id)
        statement = statement.where(here < tuple_(literal(created_at), literal(payment_id)))
    if subject is not None:
        statement = statement.where(Payment.subject == subject)
    if order_id is not None:
        statement = statement.where(Payment.order_id == order_id)
    if state is not None:
        statement = statement.where(Payment.state == state)
    return list((await session.execute(statement)).scalars())


async def of_subject(session: AsyncSession, subject: str) -> list[Payment]:
    """All payments of a person, the oldest first."""
    statement = select(Payment).where(Payment.subject == subject).order_by(Payment.created_at, Payment.id)
    return list((await session.execute(statement)).scalars())


async def forget_subject(session: AsyncSession, subject: str) -> None:
    """Payments of a person become nobody's."""
    await session.execute(update(Payment).where(Payment.subject == subject).values(subject=None))


async def unsettled(session: AsyncSession, limit: int, quiet_since: datetime) -> list[UUID]:
    """Payments that are not settled and about which nothing was heard since then, the oldest first."""
    statement = (
        select(Payment.id)
        .where(Payment.state.in_(UNSETTLED), Payment.updated_at < quiet_since)
        .order_by(Payment.updated_at)
        .limit(limit)
    )
    return list((await session.execute(statement)).scalars())


def touch(payment: Payment) -> None:
    """Note that the payment changed now."""
    payment.updated_at = func.now()
