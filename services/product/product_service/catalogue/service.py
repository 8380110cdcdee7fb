"""What can be done with the catalogue. Each function works in the transaction of the session it is given."""

from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.conditional import changed_meanwhile
from storefront_common.problems import InvalidInputError, Problem
from storefront_common.schemas import Money

from product_service import categories, inventory
from product_service.catalogue import events, pagination, repository, search, versions
from product_service.catalogue.schemas import (
    MAX_STOCK,
    ProductChange,
    ProductDetail,
    ProductDraft,
    ProductPage,
    ProductQuery,
    ProductView,
    Variant,
)
from product_service.catalogue.tables import Product
from product_service.inventory.tables import Movement
from product_service.pictures.addresses import address_of


def view(product: Product) -> ProductView:
    """`product` as clients see it."""
    return ProductView(
        id=product.id,
        sku=product.sku,
        name=product.name,
        description=product.description,
        category=product.category,
        price=_price(product),
        stock=product.available,
        weight_grams=product.weight_grams,
        active=product.active,
        variant_group=product.variant_group,
        options=product.options,
        picture_url=address_of(product),
        version=product.version,
        created_at=product.created_at,
        updated_at=product.updated_at,
    )


def _price(product: Product) -> Money:
    return Money.model_validate({"amount": product.price_amount, "currency": product.price_currency})


async def list_products(session: AsyncSession, query: ProductQuery) -> ProductPage:
    """One page of the products that `query` asks for.

    Raises:
        InvalidInputError: `after` is not a cursor for this sort order.
    """
    after = None
    if query.after is not None:
        try:
            after = pagination.decode(query.after, query.sort)
        except pagination.InvalidCursorError as error:
            raise InvalidInputError("after", query.after, str(error)) from error
    words = search.words(query.q or "")
    if query.q is not None and not words:
        return ProductPage(items=[], next_cursor=None)
    # One more than asked for tells whether there is a next page.
    statement = repository.page_statement(
        query.sort,
        query.limit + 1,
        after,
        query.category,
        words,
        status=query.status,
        price_min=query.price_min,
        price_max=query.price_max,
        in_stock=query.in_stock,
    )
    products = await repository.page(session, statement)
    shown = products[: query.limit]
    cursor = None
    if len(products) > query.limit:
        last = shown[-1]
        cursor = pagination.encode(
            pagination.Cursor(query.sort, repository.sort_key(last, query.sort), last.id)
        )
    return ProductPage(items=[view(product) for product in shown], next_cursor=cursor)


async def get_product(session: AsyncSession, product_id: UUID) -> tuple[ProductDetail, str]:
    """The product of that id and its entity tag, or a 404."""
    family = await repository.family(session, product_id)
    product = next((member for member in family if member.id == product_id), None)
    if product is None:
        raise _not_found(product_id)
    variants = [
        Variant(
            id=member.id,
            sku=member.sku,
            name=member.name,
            options=member.options,
            price=_price(member),
            stock=member.available,
            picture_url=address_of(member),
        )
        for member in family
        if member is not product
    ]
    return ProductDetail(**dict(view(product)), variants=variants), versions.tag(product)


async def create_product(session: AsyncSession, draft: ProductDraft, actor: str) -> ProductView:
    """The created product.

    Raises:
        Problem: the SKU is taken, or a variant has the same options (409).
    """
    await categories.ensure(session, draft.category)
    try:
        product = await repository.add(session, {"id": uuid4(), **_columns(draft)})
    except IntegrityError as error:
        raise _conflict(error, draft.variant_group) from None
    if product is None:
        raise Problem(
            HTTPStatus.CONFLICT,
            f"sku: {draft.sku} belongs to another product",
            errors=[{"field": "sku", "value": draft.sku, "message": "belongs to another product"}],
        )
    if product.stock:
        await inventory.note(session, product, Movement.CREATED, product.stock, actor=actor)
    await events.publish_changed(session, product)
    return view(product)


async def change_product(
    session: AsyncSession, product_id: UUID, change: ProductChange, expected_version: int | None, actor: str
) -> tuple[ProductView, str]:
    """The product after `change` and its entity tag.

    Raises:
        Problem: there is none (404), or it is at another version than expected (412), or another variant of the group
            has the same options (409).
    """
    values = _columns(change)
    product = await repository.lock(session, product_id)
    if product is None:
        raise _not_found(product_id)
    if expected_version not in (None, product.version):
        raise changed_meanwhile(expected_version)
    if not values:
        return view(product), versions.tag(product)
    if change.category is not None:
        await categories.ensure(session, change.category)
    before = product.stock
    if change.stock is not None:
        if change.stock + product.reserved > MAX_STOCK:
            raise InvalidInputError("stock", change.stock, f"with what is reserved it is above {MAX_STOCK}")
        values["stock"] = change.stock + product.reserved
    try:
        changed = await repository.change(session, product_id, values)
    except IntegrityError as error:
        raise _conflict(error, product.variant_group) from None
    if changed.stock != before:
        await inventory.note(session, changed, Movement.EDITED, changed.stock - before, actor=actor)
    await events.publish_changed(session, changed)
    return view(changed), versions.tag(changed)


async def remove_product(session: AsyncSession, product_id: UUID, expected_version: int | None) -> None:
    """Remove the product; one that was ever ordered is archived instead.

    Raises:
        Problem: there is none (404), or it is at another version than expected (412).
    """
    product = await repository.lock(session, product_id)
    if product is None:
        raise _not_found(product_id)
    if expected_version not in (None, product.version):
        raise changed_meanwhile(expected_version)
    if await inventory.was_ordered(session, product_id):
        if product.active:
            await events.publish_changed(
                session, await repository.change(session, product_id, {"active": False})
            )
        return
    await repository.remove(session, product)
    await events.publish_removed(session, product.id, product.sku, product.revision + 1)


def _columns(given: ProductDraft | ProductChange) -> dict[str, Any]:
    """The columns for what was given, and only for that."""
    columns = given.model_dump(exclude={"price"}, exclude_unset=isinstance(given, ProductChange))
    if "picture_url" in columns:
        columns["linked_picture"] = columns.pop("picture_url")
    if given.price is not None:
        columns |= {"price_amount": given.price.amount, "price_currency": given.price.currency}
    return columns


def _conflict(error: IntegrityError, group: str | None) -> Exception:
    """What a violated rule of the table means to the client."""
    cause = error.orig.__cause__ if error.orig is not None else None
    if isinstance(cause, asyncpg.UniqueViolationError) and cause.constraint_name == "products_variant":
        message = "another variant of the group has the same options"
        return Problem(
            HTTPStatus.CONFLICT,
            f"options: {message}",
            errors=[{"field": "options", "value": group, "message": message}],
        )
    return error


def _not_found(product_id: UUID) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, f"There is no product {product_id}.")
