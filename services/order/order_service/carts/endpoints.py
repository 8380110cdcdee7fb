"""Carts over HTTP: `/api/carts/{id}` for who is not signed in, `/api/cart` for customers."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Response
from storefront_common.conditional import etag, expected_version
from storefront_common.identity import SignedIn

from order_service.carts.schemas import CartId, CartView, LineChange, MergeRequest
from order_service.carts.service import anonymous, owned
from order_service.dependencies import Carts

router = APIRouter(prefix="/api", tags=["carts"])

IfMatch = Annotated[str | None, Header()]


@router.post("/carts", status_code=HTTPStatus.CREATED)
async def create_cart(carts: Carts, response: Response) -> CartView:
    """Create an empty cart for whoever knows its id.

    No `Idempotency-Key`: a second, empty cart does no harm, while a key that two strangers happen to choose would
    give them one cart.
    """
    cart = await carts.create()
    response.headers["Location"] = f"/api/carts/{cart.id}"
    return _tagged(cart, response)


@router.get("/carts/{cart_id}")
async def get_cart(cart_id: CartId, carts: Carts, response: Response) -> CartView:
    """Show a cart at today's prices."""
    return _tagged(await carts.show(anonymous(cart_id)), response)


@router.put("/carts/{cart_id}/lines/{product_id}")
async def put_cart_line(
    cart_id: CartId,
    product_id: UUID,
    change: LineChange,
    carts: Carts,
    response: Response,
    if_match: IfMatch = None,
) -> CartView:
    """Set how many of a product the cart holds."""
    expected = expected_version(if_match)
    return _tagged(await carts.put_line(anonymous(cart_id), product_id, change.quantity, expected), response)


@router.delete("/carts/{cart_id}/lines/{product_id}")
async def remove_cart_line(
    cart_id: CartId, product_id: UUID, carts: Carts, response: Response, if_match: IfMatch = None
) -> CartView:
    """Take a product out of the cart."""
    return _tagged(
        await carts.remove_line(anonymous(cart_id), product_id, expected_version(if_match)), response
    )


@router.get("/cart")
async def get_own_cart(identity: SignedIn, carts: Carts, response: Response) -> CartView:
    """Show the customer's cart at today's prices."""
    return _tagged(await carts.show(owned(identity.subject)), response)


@router.put("/cart/lines/{product_id}")
async def put_own_cart_line(
    product_id: UUID,
    change: LineChange,
    identity: SignedIn,
    carts: Carts,
    response: Response,
    if_match: IfMatch = None,
) -> CartView:
    """Set how many of a product the customer's cart holds."""
    expected = expected_version(if_match)
    return _tagged(
        await carts.put_line(owned(identity.subject), product_id, change.quantity, expected), response
    )


@router.delete("/cart/lines/{product_id}")
async def remove_own_cart_line(
    product_id: UUID, identity: SignedIn, carts: Carts, response: Response, if_match: IfMatch = None
) -> CartView:
    """Take a product out of the customer's cart."""
    return _tagged(
        await carts.remove_line(owned(identity.subject), product_id, expected_version(if_match)), response
    )


@router.post("/cart/merge")
async def merge_carts(merge: MergeRequest, identity: SignedIn, carts: Carts, response: Response) -> CartView:
    """Move what is in an anonymous cart into the customer's; again is the same as once."""
    return _tagged(await carts.merge(identity.subject, merge.cart_id), response)


def _tagged(cart: CartView, response: Response) -> CartView:
    # For If-Match alone: prices change without a new version, so nobody may skip a read because of it.
    response.headers["ETag"] = etag(cart.version)
    response.headers["Cache-Control"] = "no-store"
    return cart
