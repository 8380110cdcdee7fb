"""Checkout: from one version of a customer's cart to one order, at exactly what the customer saw."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import idempotency
from storefront_common.database import Database
from storefront_common.identity import Identity
from storefront_common.problems import InvalidInputError, Problem

from order_service.cache import Cache, owner_key
from order_service.carts import pricing
from order_service.carts import repository as carts
from order_service.carts.schemas import CartContent
from order_service.customers import repository as customers
from order_service.orders import numbers, repository, views
from order_service.orders.schemas import CheckoutRequest, OrderView
from order_service.orders.tables import Order
from order_service.orders.transitions import Transitions
from order_service.products import repository as products_repository
from order_service.products.product import Product
from order_service.shipping import repository as quotes
from order_service.shipping.schemas import Address, Rate

CURRENCY = "EUR"


class CheckoutConflictError(Problem):
    """What the customer saw is not so any more (409): show it anew, and ask again."""

    def __init__(self, detail: str, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(HTTPStatus.CONFLICT, detail, errors=errors or [])


class _Contact(NamedTuple):
    email: str
    name: str


class Checkout:
    """Places orders."""

    def __init__(self, database: Database, cache: Cache, transitions: Transitions) -> None:
        self._database = database
        self._cache = cache
        self._transitions = transitions

    async def place(self, identity: Identity, request: CheckoutRequest, key: str) -> tuple[OrderView, bool]:
        """The order, and whether it had been placed before.

        The same key gives the same order, and so does another key for the same version of the cart: who presses the
        button twice has ordered once.

        Raises:
            CheckoutConflictError: cart, price, availability or shipping are not as the customer saw them.
            InvalidInputError: `key` was used for something else, or something is missing.
            Problem: the customer is blocked (403), or has no such cart (404).
        """

        async def place(session: AsyncSession) -> tuple[OrderView, bool, CartContent | None]:
            scope = f"checkout {identity.subject}"
            earlier = await idempotency.claim(session, key, request.model_dump_json(), scope)
            if earlier is not None:
                return await self._earlier(session, UUID(earlier)), True, None
            order, left = await self._order(session, identity, request)
            # The answer is the id: it tells nothing about the person, and the order may have moved on.
            await idempotency.record(session, key, str(order.id), scope)
            lines = await repository.lines_of(session, order.id)
            return views.order_view(order, lines, for_customer=True), left is None, left

        view, repeated, left = await self._database.write(place)
        if left is not None:
            await self._cache.put_cart(owner_key(identity.subject), left.version, left)
        return view, repeated

    async def _earlier(self, session: AsyncSession, order_id: UUID) -> OrderView:
        order = await repository.find(session, order_id)
        assert order is not None, "orders are never removed"
        return views.order_view(order, await repository.lines_of(session, order_id), for_customer=True)

    async def _order(
        self, session: AsyncSession, identity: Identity, request: CheckoutRequest
    ) -> tuple[Order, CartContent | None]:
        """The order and what is left of the cart; None: the order had been placed before."""
        cart = await carts.lock(session, carts.owned_by(identity.subject))
        placed = await repository.find_by_checkout(session, request.cart_id, request.cart_version)
        if placed is not None and placed.customer_subject == identity.subject:
            return placed, None
        if cart is None or cart.id != request.cart_id:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "You have no such cart. Merge the cart from before signing in, and check out the merged one.",
            )
        contact = await _contact(session, identity, request.shipping_address)
        if cart.version != request.cart_version:
            raise CheckoutConflictError("The cart was changed meanwhile. Look at it again.")
        products = await products_repository.find(session, [line.product_id for line in cart.lines])
        lines = _lines(request, cart, products)
        rate = await _rate(session, request)
        subtotal = sum(line["quantity"] * line["unit_price"] for line in lines)
        total = subtotal + rate.price.amount
        if request.expected_total.amount != total:
            raise CheckoutConflictError(
                f"The total is {total}, not {request.expected_total.amount}. Look at it again.",
                [_error("expectedTotal", request.expected_total.amount, f"is {total}")],
            )
        order, _ = await self._transitions.place(
            session,
            {
                "id": uuid4(),
                "number": numbers.number(await repository.next_serial(session)),
                "customer_subject": identity.subject,
                "customer_email": contact.email,
                "customer_name": contact.name,
                "address": request.shipping_address.model_dump(mode="json"),
                "currency": CURRENCY,
                "subtotal": subtotal,
                "shipping": rate.price.amount,
                "total": total,
                "cart_id": cart.id,
                "cart_version": cart.version,
                "rate_id": None if rate.flat else rate.id,
                "shipping_carrier": rate.carrier,
                "shipping_service": rate.service,
                "payment_method": request.payment_method,
            },
            lines,
        )
        await carts.empty(session, cart.id)
        await carts.touch(session, carts.owned_by(identity.subject), None)
        await quotes.remove_for_cart(session, cart.id)
        return order, CartContent(id=cart.id, version=cart.version + 1, lines=[])


async def _contact(session: AsyncSession, identity: Identity, address: Address) -> _Contact:
    """How to reach the customer, who must be allowed to order."""
    known = await customers.find(session, identity.subject)
    if known is not None and known.blocked:
        raise Problem(HTTPStatus.FORBIDDEN, "This account cannot order. Write to the shop.")
    email = identity.email or (known.email if known else "")
    if not email:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "The account has no email address. Add one where you sign in."
        )
    return _Contact(email, identity.name or (known.name if known else "") or address.name)


def _lines(
    request: CheckoutRequest, cart: CartContent, products: dict[UUID, Product]
) -> list[dict[str, Any]]:
    """The order's lines: those of the cart, if they are what the customer saw and can be had."""
    seen = {line.product_id: line for line in request.lines}
    if len(seen) != len(request.lines) or {(line.product_id, line.quantity) for line in request.lines} != {
        (line.product_id, line.quantity) for line in cart.lines
    }:
        raise CheckoutConflictError("The lines are not those of the cart. Look at it again.")
    lines, errors = [], []
    for kept in cart.lines:
        product = products.get(kept.product_id)
        offered = seen[kept.product_id].unit_price.amount
        field = f"lines.{kept.product_id}"
        if product is None or not pricing.is_available(product, kept.quantity):
            available = product.available if product and product.active else 0
            errors.append(_error(f"{field}.quantity", kept.quantity, f"only {available} are available"))
        elif product.price != offered:
            errors.append(_error(f"{field}.unitPrice", offered, f"is {product.price} now"))
        else:
            lines.append(
                {
                    "product_id": product.id,
                    "sku": product.sku,
                    "name": product.name,
                    "quantity": kept.quantity,
                    "unit_price": product.price,
                    "weight_grams": product.weight_grams,
                }
            )
    if errors:
        raise CheckoutConflictError("Some lines are not as you saw them. Look at the cart again.", errors)
    return lines


async def _rate(session: AsyncSession, request: CheckoutRequest) -> Rate:
    """The rate that the customer chose, if the offer still stands."""
    quote = await quotes.find(session, request.shipping_quote_id)
    if (
        quote is None
        or quote.cart_id != request.cart_id
        or quote.cart_version != request.cart_version
        or quote.expires_at <= datetime.now(UTC)
    ):
        raise CheckoutConflictError("The shipping quote does not stand any more. Ask for a new one.")
    if Address.model_validate(quote.destination) != request.shipping_address:
        raise InvalidInputError(
            "shippingAddress", request.shipping_address.city, "is not the one that the quote is for"
        )
    rates = {rate.id: rate for rate in map(Rate.model_validate, quote.rates)}
    if request.shipping_rate_id not in rates:
        raise InvalidInputError("shippingRateId", request.shipping_rate_id, "is not a rate of the quote")
    return rates[request.shipping_rate_id]


def _error(field: str, value: object, message: str) -> dict[str, Any]:
    return {"field": field, "value": value, "message": message}
