"""Payments as clients see them. Each function reads in the session it is given."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.identity import Identity
from storefront_common.schemas import Money

from payment_service.ledger import repository as ledger
from payment_service.ledger.entries import Balance
from payment_service.payments import pagination, repository
from payment_service.payments.lifecycle import State
from payment_service.payments.schemas import Action, PaymentPage, PaymentQuery, PaymentSummary, PaymentView
from payment_service.payments.service import not_found
from payment_service.payments.tables import Payment
from payment_service.refunds import repository as refunds
from payment_service.refunds import service as refund_service


async def show(session: AsyncSession, payment_id: UUID, asker: Identity) -> PaymentView:
    """The payment, for its customer and for administrators; a 404 for everybody else."""
    payment = await repository.find(session, payment_id)
    if payment is None or not (asker.is_admin or payment.subject == asker.subject):
        raise not_found(payment_id)
    return await view(session, payment, asker)


async def view(session: AsyncSession, payment: Payment, asker: Identity) -> PaymentView:
    """`payment` as `asker` may see it."""
    return await _view(session, payment, own=payment.subject == asker.subject, admin=asker.is_admin)


async def person_view(session: AsyncSession, payment: Payment) -> PaymentView:
    """`payment` as it is handed out to its customer."""
    return await _view(session, payment, own=False, admin=False)


async def _view(session: AsyncSession, payment: Payment, *, own: bool, admin: bool) -> PaymentView:
    balance = (await ledger.balances(session, [payment.id]))[payment.id]
    made = await refunds.of_payment(session, payment.id)
    return PaymentView.model_validate(
        {
            **_summary(payment, balance),
            "action": _action(payment) if own else None,
            "gateway_intent": payment.intent_id if admin else None,
            "refunds": [refund_service.view(refund) for refund in made],
        }
    )


async def list_payments(session: AsyncSession, query: PaymentQuery, asker: Identity) -> PaymentPage:
    """One page of the payments that `query` asks for and `asker` may see.

    Raises:
        InvalidInputError: `after` is no cursor.
    """
    # One more than asked for tells whether there is a next page.
    payments = await repository.page(
        session,
        query.limit + 1,
        after=None if query.after is None else pagination.decode(query.after),
        subject=None if asker.is_admin else asker.subject,
        order_id=query.order_id,
        state=query.state,
    )
    shown = payments[: query.limit]
    balances = await ledger.balances(session, [payment.id for payment in shown])
    more = len(payments) > query.limit
    return PaymentPage(
        items=[PaymentSummary.model_validate(_summary(each, balances[each.id])) for each in shown],
        next_cursor=pagination.encode(shown[-1].created_at, shown[-1].id) if more else None,
    )


def _summary(payment: Payment, balance: Balance) -> dict[str, Any]:
    def money(amount: int) -> Money:
        return Money.model_validate({"amount": amount, "currency": payment.currency})

    return {
        "id": payment.id,
        "order_id": payment.order_id,
        "state": State(payment.state),
        "amount": money(payment.amount),
        "captured": money(balance.captured),
        "refunded": money(balance.refunded),
        "disputed": money(balance.disputed),
        "failure": payment.failure,
        "expires_at": payment.expires_at,
        "version": payment.version,
        "created_at": payment.created_at,
        "updated_at": payment.updated_at,
    }


def _action(payment: Payment) -> Action | None:
    if payment.state != State.ACTION_REQUIRED or payment.client_secret is None:
        return None
    return Action(
        client_secret=payment.client_secret, url=payment.next_action_url, expires_at=payment.expires_at
    )
