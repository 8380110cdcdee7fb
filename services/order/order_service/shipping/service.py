"""Shipping quotes."""

from datetime import UTC, datetime
from http import HTTPStatus
from uuid import UUID, uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import idempotency
from storefront_common.database import Database
from storefront_common.external import ExternalUnavailableError
from storefront_common.problems import InvalidInputError, Problem
from storefront_common.schemas import Money

from order_service.carts.schemas import CartContent
from order_service.carts.service import CartKey, CartService
from order_service.products.product import Product
from order_service.settings import OrderSettings
from order_service.shipping import repository
from order_service.shipping.provider import Parcel, ShippingProvider, ShippingRefusedError
from order_service.shipping.schemas import Address, QuoteView, Rate

logger = structlog.stdlib.get_logger(__name__)

FLAT_RATE = "flat"
"""Id of the rate that the shop itself sets."""
_WEIGHT_OF_PACKAGING_GRAMS = 200


def parcels(lines: list[tuple[int, int]]) -> list[Parcel]:
    """The parcels for lines of (quantity, grams of one): everything in one."""
    return [Parcel(_WEIGHT_OF_PACKAGING_GRAMS + sum(quantity * grams for quantity, grams in lines))]


class ShippingService:
    """Asks the shipping company, and keeps what it offers."""

    def __init__(
        self,
        database: Database,
        carts: CartService,
        provider: ShippingProvider | None,
        settings: OrderSettings,
    ) -> None:
        """`provider`: None when no shipping company is configured; then the flat rate is all there is."""
        self._database = database
        self._carts = carts
        self._provider = provider
        self._settings = settings

    async def quote(self, cart_key: CartKey, destination: Address, key: str | None) -> tuple[QuoteView, bool]:
        """What sending the cart to `destination` costs, and whether it is the answer to a repeated request.

        Raises:
            Problem: there is no such cart (404), or it is empty (409).
            InvalidInputError: nothing is delivered there, or `key` was used for something else.
        """
        cart = await self._carts.content(cart_key)
        if cart is None or not cart.lines:
            if cart is None and cart_key.owner is None:
                raise Problem(HTTPStatus.NOT_FOUND, "There is no such cart.")
            raise Problem(HTTPStatus.CONFLICT, "The cart is empty: there is nothing to be sent.")
        products = await self._carts.products([line.product_id for line in cart.lines])
        # Without a transaction: nothing of the database is held while the shipping company thinks.
        rates = await self._rates(cart, products, destination)
        now = datetime.now(UTC)
        quote = QuoteView(
            id=uuid4(),
            cart_id=cart.id,
            cart_version=cart.version,
            destination=destination,
            rates=rates,
            expires_at=now + self._settings.quote_valid,
        )

        async def keep(session: AsyncSession) -> tuple[QuoteView, bool]:
            scope = cart_key.owner or cart.id
            request = f"quote {cart.id} {destination.model_dump_json()}"
            if key is not None:
                earlier = await idempotency.claim(session, key, request, scope)
                if earlier is not None:
                    return QuoteView.model_validate_json(earlier), True
            await repository.add(
                session,
                {
                    "id": quote.id,
                    "cart_id": quote.cart_id,
                    "cart_version": quote.cart_version,
                    "destination": destination.model_dump(mode="json"),
                    "rates": [rate.model_dump(mode="json") for rate in rates],
                    "expires_at": quote.expires_at,
                },
            )
            if key is not None:
                await idempotency.record(session, key, quote.model_dump_json(), scope)
            return quote, False

        return await self._database.write(keep)

    async def _rates(
        self, cart: CartContent, products: dict[UUID, Product], destination: Address
    ) -> list[Rate]:
        if self._provider is None:
            return [self._flat()]
        weights = [
            (line.quantity, products[line.product_id].weight_grams if line.product_id in products else 0)
            for line in cart.lines
        ]
        try:
            rates = await self._provider.rates(destination, parcels(weights))
        except ExternalUnavailableError as error:
            logger.warning("the flat rate applies", reason=str(error))
            return [self._flat()]
        except ShippingRefusedError as error:
            logger.info("no shipping", reason=str(error), country=destination.country)
            rates = []
        if not rates:
            raise InvalidInputError("destination", destination.country, "nothing is delivered there")
        return sorted(rates, key=lambda rate: rate.price.amount)

    def _flat(self) -> Rate:
        return Rate(
            id=FLAT_RATE,
            carrier="",
            service=self._settings.flat_shipping_service,
            price=Money(amount=self._settings.flat_shipping_amount),
            estimated_days=None,
            flat=True,
        )
