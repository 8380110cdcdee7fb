"""Shipping quotes over HTTP."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Response
from storefront_common import idempotency
from storefront_common.identity import MaybeIdentity, UnauthenticatedError

from order_service.carts.service import anonymous, owned
from order_service.dependencies import Shipping
from order_service.shipping.schemas import QuoteRequest, QuoteView

router = APIRouter(prefix="/api", tags=["shipping"])


@router.post("/shipping-quotes", status_code=HTTPStatus.CREATED)
async def create_quote(
    request: QuoteRequest,
    identity: MaybeIdentity,
    shipping: Shipping,
    response: Response,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> QuoteView:
    """Ask what sending a cart to an address costs: of an anonymous cart, or of the customer's own."""
    if idempotency_key is not None:
        idempotency.check_key(idempotency_key)
    if request.cart_id is not None:
        cart = anonymous(request.cart_id)
    elif identity is not None:
        cart = owned(identity.subject)
    else:
        raise UnauthenticatedError("Sign in, or name a cart.")
    quote, repeated = await shipping.quote(cart, request.destination, idempotency_key)
    if repeated:
        response.headers["Idempotent-Replayed"] = "true"
    return quote
