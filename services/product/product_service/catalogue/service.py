"""What can be done with the catalogue. Each function works in the transaction of the session it is given."""

from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.conditional import changed_meanwhile
from storefront_common.problems import InvalidInputError, Problem

from product_service import idempotency
from product_service.catalogue import pagination, repository, search
from product_service.catalogue.schemas import (
    CategoryList,
    CategoryView,
    Price,
    ProductChange,
    ProductDraft,
    ProductPage,
    ProductQuery,
    ProductView,
)
from product_service.catalogue.tables import Product
from product_service.pictures.addresses import picture_url


def view(product: Product) -> ProductView:
    """`product` as clients see it."""
    return ProductView(
        id=product.id,
        sku=product.sku,
        name=product.name,
        description=product.description,
        category=product.category,
        price=Price.model_validate({"amount": product.price_amount, "currency": product.price_currency}),
        stock=product.stock,
        picture_url=picture_url(product.id, product.sku, product.name, product.category),
        version=product.version,
        created_at=product.created_at,
        updated_at=product.updated_at,
    )


def category_name(slug: str) -> str:
    """A name for a category that is only known by its slug: `home-office` → `Home office`."""
    return slug.replace("-", " ").capitalize()


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
    statement = repository.page_statement(query.sort, query.limit + 1, after, query.category, words)
    products = await repository.page(session, statement)
    shown = products[: query.limit]
    cursor = None
    if len(products) > query.limit:
        last = shown[-1]
        cursor = pagination.encode(
            pagination.Cursor(query.sort, repository.sort_key(last, query.sort), last.id)
        )
    return ProductPage(items=[view(product) for product in shown], next_cursor=cursor)


async def get_product(session: AsyncSession, product_id: UUID) -> ProductView:
    """The product of that id, or a 404."""
    product = await repository.find(session, product_id)
    if product is None:
        raise _not_found(product_id)
    return view(product)


async def create_product(
    session: AsyncSession, draft: ProductDraft, key: str | None
) -> tuple[ProductView, bool]:
    """The created product and whether it is the answer to a repeated request.

    Raises:
        InvalidInputError: `key` was used for something else.
        Problem: the SKU is taken (409).
    """
    if key is not None:
        earlier = await idempotency.claim(session, key, draft.model_dump_json())
        if earlier is not None:
            return ProductView.model_validate_json(earlier), True
    await repository.ensure_category(session, draft.category, category_name(draft.category))
    product = await repository.add(session, {"id": uuid4(), **_columns(draft)})
    if product is None:
        raise Problem(
            HTTPStatus.CONFLICT,
            f"sku: {draft.sku} belongs to another product",
            errors=[{"field": "sku", "value": draft.sku, "message": "belongs to another product"}],
        )
    created = view(product)
    if key is not None:
        await idempotency.record(session, key, created.model_dump_json())
    return created, False


async def change_product(
    session: AsyncSession, product_id: UUID, change: ProductChange, expected_version: int | None
) -> ProductView:
    """The product after `change`; 404 when there is none, 412 when it is at another version than expected."""
    values = _columns(change)
    if not values:
        product = await repository.find(session, product_id)
        if product is not None and expected_version not in (None, product.version):
            product = None
    else:
        if change.category is not None:
            await repository.ensure_category(session, change.category, category_name(change.category))
        product = await repository.change(session, product_id, values, expected_version)
    if product is None:
        raise await _absent_or_changed(session, product_id, expected_version)
    return view(product)


async def remove_product(session: AsyncSession, product_id: UUID, expected_version: int | None) -> None:
    """Remove the product; 404 when there is none, 412 when it is at another version than expected."""
    if not await repository.remove(session, product_id, expected_version):
        raise await _absent_or_changed(session, product_id, expected_version)


async def list_categories(session: AsyncSession) -> CategoryList:
    """The categories that have products."""
    rows = await repository.categories(session)
    return CategoryList(items=[CategoryView(slug=slug, name=name, count=count) for slug, name, count in rows])


def _columns(given: ProductDraft | ProductChange) -> dict[str, Any]:
    """The columns for what was given, and only for that."""
    columns = given.model_dump(exclude={"price"}, exclude_unset=isinstance(given, ProductChange))
    if given.price is not None:
        columns |= {"price_amount": given.price.amount, "price_currency": given.price.currency}
    return columns


async def _absent_or_changed(
    session: AsyncSession, product_id: UUID, expected_version: int | None
) -> Problem:
    if expected_version is not None and await repository.find(session, product_id) is not None:
        return changed_meanwhile(expected_version)
    return _not_found(product_id)


def _not_found(product_id: UUID) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, f"There is no product {product_id}.")
