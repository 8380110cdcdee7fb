"""Orders over HTTP. What only administrators may do says so."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from storefront_common import idempotency
from storefront_common.conditional import etag, expected_version, is_current
from storefront_common.identity import Admin, SignedIn

from order_service.dependencies import CheckoutDependency, DatabaseDependency, TransitionsDependency
from order_service.orders import service
from order_service.orders.schemas import (
    AllOrdersQuery,
    CheckoutRequest,
    HistoryList,
    OrderPage,
    OrderView,
    OwnOrdersQuery,
)

router = APIRouter(prefix="/api", tags=["orders"])

IfMatch = Annotated[str | None, Header()]


@router.post("/orders", status_code=HTTPStatus.CREATED)
async def place_order(
    request: CheckoutRequest,
    identity: SignedIn,
    checkout: CheckoutDependency,
    response: Response,
    idempotency_key: Annotated[str, Header(min_length=1, max_length=255)],
) -> OrderView:
    """Check out one version of the customer's cart, at the prices the customer saw.

    The same `Idempotency-Key`, or the same version of the cart, gives the same order.
    """
    idempotency.check_key(idempotency_key)
    order, repeated = await checkout.place(identity, request, idempotency_key)
    response.headers["Location"] = f"/api/orders/{order.id}"
    if repeated:
        response.headers["Idempotent-Replayed"] = "true"
    return _tagged(order, response)


@router.get("/orders")
async def list_own_orders(
    query: Annotated[OwnOrdersQuery, Query()], identity: SignedIn, database: DatabaseDependency
) -> OrderPage:
    """List the customer's orders, the newest first."""
    return await database.read(lambda session: service.list_own(session, identity, query))


@router.get("/orders/all")
async def list_all_orders(
    query: Annotated[AllOrdersQuery, Query()], _: Admin, database: DatabaseDependency
) -> OrderPage:
    """Administrators: list all orders, the newest first; by number, email address and state."""
    return await database.read(lambda session: service.list_all(session, query))


@router.get("/orders/{order_id}")
async def get_order(
    order_id: UUID,
    identity: SignedIn,
    database: DatabaseDependency,
    response: Response,
    if_none_match: Annotated[str | None, Header()] = None,
) -> OrderView:
    """Show an order, to its customer or to an administrator."""
    order = await database.read(lambda session: service.show(session, identity, order_id))
    tag = etag(order.version)
    if is_current(if_none_match, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})  # type: ignore[return-value]
    return _tagged(order, response)


@router.get("/orders/{order_id}/history")
async def get_order_history(order_id: UUID, identity: SignedIn, database: DatabaseDependency) -> HistoryList:
    """List the changes of an order; who or what was behind them is only for administrators."""
    return await database.read(lambda session: service.history(session, identity, order_id))


@router.post("/orders/{order_id}/cancel")
async def cancel_order(
    order_id: UUID,
    identity: SignedIn,
    database: DatabaseDependency,
    transitions: TransitionsDependency,
    response: Response,
    if_match: IfMatch = None,
) -> OrderView:
    """Cancel an order that is not shipped; again is the same as once."""
    expected = expected_version(if_match)
    order = await database.write(
        lambda session: service.cancel(session, transitions, identity, order_id, expected)
    )
    return _tagged(order, response)


@router.post("/orders/{order_id}/deliver")
async def deliver_order(
    order_id: UUID,
    admin: Admin,
    database: DatabaseDependency,
    transitions: TransitionsDependency,
    response: Response,
    if_match: IfMatch = None,
) -> OrderView:
    """Administrators: say that a shipped order has arrived; again is the same as once."""
    expected = expected_version(if_match)
    order = await database.write(
        lambda session: service.mark_delivered(session, transitions, admin, order_id, expected)
    )
    return _tagged(order, response)


def _tagged(order: OrderView, response: Response) -> OrderView:
    response.headers["ETag"] = etag(order.version)
    response.headers["Cache-Control"] = "private, no-cache"
    return order
