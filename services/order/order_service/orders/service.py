"""What customers and administrators do with orders. Each function works in the transaction of its session."""

from http import HTTPStatus
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.conditional import changed_meanwhile
from storefront_common.events import CancellationReason
from storefront_common.identity import Identity
from storefront_common.problems import InvalidInputError, Problem

from order_service.orders import numbers, pagination, repository, views
from order_service.orders.lifecycle import CANCELLABLE, Happened, State, Trigger
from order_service.orders.pagination import Cursor
from order_service.orders.schemas import (
    AllOrdersQuery,
    HistoryList,
    OrderPage,
    OrderView,
    OwnOrdersQuery,
)
from order_service.orders.tables import Order
from order_service.orders.transitions import Transitions


async def show(session: AsyncSession, identity: Identity, order_id: UUID) -> OrderView:
    """The order, for its customer and for administrators; a 404 for everybody else."""
    order = _visible(await repository.find(session, order_id), identity, order_id)
    return await _view(session, order, identity)


async def history(session: AsyncSession, identity: Identity, order_id: UUID) -> HistoryList:
    """All changes of the order, for its customer and for administrators; a 404 for everybody else."""
    _visible(await repository.find(session, order_id), identity, order_id)
    entries = await repository.history(session, order_id)
    return HistoryList(items=[views.history_item(entry, for_admin=identity.is_admin) for entry in entries])


async def list_own(session: AsyncSession, identity: Identity, query: OwnOrdersQuery) -> OrderPage:
    """One page of the customer's orders."""
    return await _page(session, [repository.of_customer(identity.subject)], query)


async def list_all(session: AsyncSession, query: AllOrdersQuery) -> OrderPage:
    """One page of all orders that `query` asks for; a number that cannot be one finds nothing."""
    conditions = []
    if query.number is not None:
        number = numbers.parse(query.number)
        if number is None:
            return OrderPage(items=[], next_cursor=None)
        conditions.append(repository.with_number(number))
    if query.email is not None:
        conditions.append(repository.with_email(query.email))
    if query.state is not None:
        conditions.append(repository.in_state(query.state))
    return await _page(session, conditions, query)


async def cancel(
    session: AsyncSession,
    transitions: Transitions,
    identity: Identity,
    order_id: UUID,
    expected_version: int | None,
) -> OrderView:
    """The cancelled order; cancelling it again changes nothing. 409 when it has been shipped."""
    order = await _locked(session, identity, order_id, expected_version)
    if order.state == State.CANCELLED:
        return await _view(session, order, identity)
    if order.state not in CANCELLABLE:
        raise Problem(
            HTTPStatus.CONFLICT, f"The order is {order.state}: it is too late to cancel it. Send it back."
        )
    own = order.customer_subject == identity.subject
    reason = CancellationReason.BY_CUSTOMER if own else CancellationReason.BY_SHOP
    outcome = await transitions.apply(
        session,
        order_id,
        Happened(Trigger.CANCEL, reason=reason),
        cause="customer" if own else f"admin {identity.subject}",
    )
    return await _view(session, outcome.order, identity)


async def mark_delivered(
    session: AsyncSession,
    transitions: Transitions,
    identity: Identity,
    order_id: UUID,
    expected_version: int | None,
) -> OrderView:
    """The delivered order; saying so again changes nothing. 409 when it was not shipped."""
    order = await _locked(session, identity, order_id, expected_version)
    if order.state == State.DELIVERED:
        return await _view(session, order, identity)
    if order.state != State.SHIPPED:
        raise Problem(HTTPStatus.CONFLICT, f"The order is {order.state}: it was not shipped.")
    outcome = await transitions.apply(
        session, order_id, Happened(Trigger.DELIVER), cause=f"admin {identity.subject}"
    )
    return await _view(session, outcome.order, identity)


async def _page(
    session: AsyncSession, conditions: list[ColumnElement[bool]], query: OwnOrdersQuery
) -> OrderPage:
    after: Cursor | None = None
    if query.after is not None:
        try:
            after = pagination.decode(query.after)
        except pagination.InvalidCursorError as error:
            raise InvalidInputError("after", query.after, str(error)) from error
    # One more than asked for tells whether there is a next page.
    found = await repository.page(session, conditions, query.limit + 1, after)
    shown = found[: query.limit]
    cursor = None
    if len(found) > query.limit:
        cursor = pagination.encode(Cursor(shown[-1].placed_at, shown[-1].id))
    return OrderPage(items=[views.order_item(order) for order in shown], next_cursor=cursor)


async def _locked(
    session: AsyncSession, identity: Identity, order_id: UUID, expected_version: int | None
) -> Order:
    order = _visible(await repository.lock(session, order_id), identity, order_id)
    if expected_version not in (None, order.version):
        raise changed_meanwhile(expected_version or 0)
    return order


def _visible(order: Order | None, identity: Identity, order_id: UUID) -> Order:
    if order is None or not (identity.is_admin or order.customer_subject == identity.subject):
        raise Problem(HTTPStatus.NOT_FOUND, f"There is no order {order_id}.")
    return order


async def _view(session: AsyncSession, order: Order, identity: Identity) -> OrderView:
    lines = await repository.lines_of(session, order.id)
    return views.order_view(order, lines, for_customer=order.customer_subject == identity.subject)
