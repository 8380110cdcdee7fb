"""The catalogue over HTTP."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from storefront_common.conditional import etag, is_current
from storefront_common.identity import Admin, MaybeIdentity
from storefront_common.problems import Problem

from product_service import creation
from product_service.cache import CachedAnswer
from product_service.catalogue import service, versions
from product_service.catalogue.schemas import (
    ProductChange,
    ProductDetail,
    ProductDraft,
    ProductPage,
    ProductQuery,
    ProductView,
    Status,
)
from product_service.dependencies import DatabaseDependency, ProductCacheDependency

router = APIRouter(prefix="/api/products", tags=["products"])

IfMatch = Annotated[str | None, Header()]


@router.get("")
async def list_products(
    query: Annotated[ProductQuery, Query()], database: DatabaseDependency, identity: MaybeIdentity
) -> ProductPage:
    """List products page by page."""
    if query.status is not Status.ACTIVE and not (identity and identity.is_admin):
        raise Problem(HTTPStatus.FORBIDDEN, "Archived products are listed for administrators only.")
    return await database.read(lambda session: service.list_products(session, query))


@router.get("/{product_id}", response_model=ProductDetail)
async def get_product(
    product_id: UUID,
    database: DatabaseDependency,
    cache: ProductCacheDependency,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Show one product and its variants."""
    answer = await cache.product(product_id)
    if answer is None:
        product, tag = await database.read(lambda session: service.get_product(session, product_id))
        answer = CachedAnswer(tag, product.model_dump_json(by_alias=True).encode())
        await cache.keep_product(product_id, answer)
    headers = {"ETag": answer.etag}
    if is_current(if_none_match, answer.etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(answer.body, headers=headers, media_type="application/json")


@router.post("", status_code=HTTPStatus.CREATED)
async def create_product(
    draft: ProductDraft,
    database: DatabaseDependency,
    cache: ProductCacheDependency,
    admin: Admin,
    response: Response,
    idempotency_key: creation.Key = None,
) -> ProductView:
    """Create a product; with an `Idempotency-Key` once, however often it is asked for."""
    product, repeated = await database.write(
        lambda session: creation.once(
            session,
            idempotency_key,
            admin.subject,
            f"create product {draft.model_dump_json()}",
            ProductView,
            lambda: service.create_product(session, draft, admin.subject),
        )
    )
    await cache.forget([product.id], categories=True)
    response.headers["Location"] = f"/api/products/{product.id}"
    response.headers["ETag"] = etag(product.version)
    creation.tell_repetition(response, repeated)
    return product


@router.patch("/{product_id}")
async def change_product(
    product_id: UUID,
    change: ProductChange,
    database: DatabaseDependency,
    cache: ProductCacheDependency,
    admin: Admin,
    response: Response,
    if_match: IfMatch = None,
) -> ProductView:
    """Change fields of a product; with `If-Match` only the version that the client has seen."""
    expected = versions.expected_version(if_match)
    product, tag = await database.write(
        lambda session: service.change_product(session, product_id, change, expected, admin.subject)
    )
    await cache.forget([product_id], categories=True)
    response.headers["ETag"] = tag
    return product


@router.delete("/{product_id}", status_code=HTTPStatus.NO_CONTENT)
async def remove_product(
    product_id: UUID,
    database: DatabaseDependency,
    cache: ProductCacheDependency,
    admin: Admin,
    if_match: IfMatch = None,
) -> None:
    """Remove a product. One that was ever ordered is archived instead: orders go on showing it."""
    expected = versions.expected_version(if_match)
    await database.write(lambda session: service.remove_product(session, product_id, expected))
    await cache.forget([product_id], categories=True)
