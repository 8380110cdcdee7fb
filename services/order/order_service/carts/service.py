"""What can be done with carts. PostgreSQL is the truth; the cache is told after each commit."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.conditional import changed_meanwhile
from storefront_common.database import Database
from storefront_common.problems import Problem

from order_service.cache import Cache, anonymous_key, owner_key
from order_service.carts import pricing, repository
from order_service.carts.schemas import MAX_LINES, CartContent, CartView
from order_service.products import repository as products_repository
from order_service.products.product import Product

Edit = Callable[[AsyncSession, str], Awaitable[None]]
"""Changes the lines of the cart with that id, which is locked."""

_Found = tuple[CartContent, dict[UUID, Product]]
"""A cart and what is known of its products."""


class CartKey:
    """Whose cart: where PostgreSQL and the cache keep it."""

    def __init__(self, which: ColumnElement[bool], cache_key: str, owner: str | None) -> None:
        self.which = which
        self.cache_key = cache_key
        self.owner = owner


def anonymous(cart_id: str) -> CartKey:
    """The cart of that id, if nobody owns it."""
    return CartKey(repository.anonymous(cart_id), anonymous_key(cart_id), None)


def owned(subject: str) -> CartKey:
    """The cart of that customer."""
    return CartKey(repository.owned_by(subject), owner_key(subject), subject)


class CartService:
    """Carts on a database and a cache."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache

    async def create(self) -> CartView:
        """A new cart for whoever knows its id."""
        cart_id = _new_id()
        await self._database.write(lambda session: repository.add(session, cart_id))
        return pricing.priced(CartContent(id=cart_id, version=1, lines=[]), {})

    async def show(self, key: CartKey) -> CartView:
        """The cart at today's prices; a customer without one gets an empty one, an unknown id a 404."""
        cart = await self._cache.cart(key.cache_key, CartContent) or await self.content(key)
        if cart is None:
            if key.owner is not None:
                return pricing.empty_view()
            raise _no_cart()
        return pricing.priced(cart, await self.products([line.product_id for line in cart.lines]))

    async def content(self, key: CartKey) -> CartContent | None:
        """What is in the cart, read from PostgreSQL."""
        cart = await self._database.read(lambda session: repository.find(session, key.which))
        if cart is not None:
            await self._cache.put_cart(key.cache_key, cart.version, cart)
        return cart

    async def put_line(
        self, key: CartKey, product_id: UUID, quantity: int, expected_version: int | None
    ) -> CartView:
        """The cart with `quantity` of the product, at its present price.

        Raises:
            Problem: there is no such cart or product (404), the product is not for sale (409), the cart is full (409)
                or at another version than expected (412).
        """

        async def edit(session: AsyncSession, cart_id: str) -> None:
            if await repository.put_line(session, cart_id, product_id, quantity):
                return
            product = (await products_repository.find(session, [product_id])).get(product_id)
            if product is None:
                raise Problem(HTTPStatus.NOT_FOUND, f"There is no product {product_id}.")
            raise Problem(HTTPStatus.CONFLICT, f"{product.name} is not for sale any more.")

        return await self._change(key, edit, expected_version)

    async def remove_line(self, key: CartKey, product_id: UUID, expected_version: int | None) -> CartView:
        """The cart without the product; removing what is not there changes nothing."""

        async def edit(session: AsyncSession, cart_id: str) -> None:
            await repository.remove_line(session, cart_id, product_id)

        return await self._change(key, edit, expected_version)

    async def merge(self, subject: str, cart_id: str) -> CartView:
        """The customer's cart with all that was in the anonymous one, which is gone then.

        A cart that is not there (any more) adds nothing: merging twice does what merging once does. Lines of more
        than MAX_LINES products are left out, the customer's own last.
        """
        own = owned(subject)

        async def merge(session: AsyncSession) -> _Found | None:
            given = await repository.lock(session, repository.anonymous(cart_id))
            if given is None:
                return await repository.find_with_products(session, own.which)
            own_id = await repository.touch_or_create(session, subject, _new_id())
            present = await repository.find(session, own.which)
            assert own_id is not None
            assert present is not None
            known = {line.product_id for line in present.lines}
            new = [line for line in given.lines if line.product_id not in known]
            more = [line for line in given.lines if line.product_id in known]
            await repository.add_lines(session, own_id, more + new[: max(0, MAX_LINES - len(known))])
            await repository.remove(session, repository.anonymous(cart_id))
            return await repository.find_with_products(session, own.which)

        merged = await self._database.write(merge)
        await self._cache.drop_cart(anonymous_key(cart_id))
        return pricing.empty_view() if merged is None else await self._changed(own, *merged)

    async def _change(self, key: CartKey, edit: Edit, expected_version: int | None) -> CartView:
        async def change(session: AsyncSession) -> _Found:
            if key.owner is not None and not expected_version:  # 0: of who never had a cart
                cart_id = await repository.touch_or_create(session, key.owner, _new_id(), expected_version)
            else:
                cart_id = await repository.touch(session, key.which, expected_version)
            if cart_id is None:
                exists = key.owner is not None or await repository.find(session, key.which) is not None
                raise (
                    changed_meanwhile(expected_version)
                    if exists and expected_version is not None
                    else _no_cart()
                )
            await edit(session, cart_id)
            found = await repository.find_with_products(session, key.which)
            assert found is not None
            if len(found[0].lines) > MAX_LINES:
                raise Problem(
                    HTTPStatus.CONFLICT, f"A cart holds {MAX_LINES} different products. Remove one first."
                )
            return found

        return await self._changed(key, *await self._database.write(change))

    async def _changed(self, key: CartKey, cart: CartContent, products: Mapping[UUID, Product]) -> CartView:
        """The changed cart, of which the cache is told."""
        await self._cache.put_cart(key.cache_key, cart.version, cart)
        return pricing.priced(cart, products)

    async def products(self, product_ids: list[UUID]) -> dict[UUID, Product]:
        """The known ones of these products, from the cache as far as it has them."""
        found = await self._cache.products(product_ids)
        missing = [product_id for product_id in product_ids if product_id not in found]
        if missing:
            read = await self._database.read(lambda session: products_repository.find(session, missing))
            await self._cache.put_products(read.values())
            found |= read
        return found


def _new_id() -> str:
    return secrets.token_urlsafe(24)


def _no_cart() -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "There is no such cart. Make a new one.")
