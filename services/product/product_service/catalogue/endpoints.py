"""The catalogue over HTTP."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from storefront_common.conditional import etag, expected_version, is_current

from product_service import idempotency
from product_service.catalogue import service
from product_service.catalogue.schemas import (
    CategoryList,
    ProductChange,
    ProductDraft,
    ProductPage,
    ProductQuery,
    ProductView,
)
from product_service.dependencies import DatabaseDependency

router = APIRouter(prefix="/api")

IfMatch = Annotated[str | None, Header()]


@router.get("/products")
async def list_products(query: Annotated[ProductQuery, Query()], database: DatabaseDependency) -> ProductPage:
    """List products page by page."""
    return await database.read(lambda session: service.list_products(session, query))


@router.get("/products/{product_id}")
async def get_product(
    product_id: UUID,
    database: DatabaseDependency,
    response: Response,
    if_none_match: Annotated[str | None, Header()] = None,
) -> ProductView:
    """Show one product."""
    product = await database.read(lambda session: service.get_product(session, product_id))
    tag = etag(product.version)
    if is_current(if_none_match, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})  # type: ignore[return-value]
    response.headers["ETag"] = tag
    return product


@router.post("/products", status_code=HTTPStatus.CREATED)
async def create_product(
    draft: ProductDraft,
    database: DatabaseDependency,
    response: Response,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> ProductView:
    """Create a product; with an `Idempotency-Key` once, however often it is asked for."""
    if idempotency_key is not None:
        idempotency.check_key(idempotency_key)
    product, repeated = await database.write(
        lambda session: service.create_product(session, draft, idempotency_key)
    )
    response.headers["Location"] = f"/api/products/{product.id}"
    response.headers["ETag"] = etag(product.version)
    if repeated:
        response.headers["Idempotent-Replayed"] = "true"
    return product


@router.patch("/products/{product_id}")
async def change_product(
    product_id: UUID,
    change: ProductChange,
    database: DatabaseDependency,
    response: Response,
    if_match: IfMatch = None,
) -> ProductView:
    """Change fields of a product; with `If-Match` only the version that the client has seen."""
    expected = expected_version(if_match)
    product = await database.write(
        lambda session: service.change_product(session, product_id, change, expected)
    )
    response.headers["ETag"] = etag(product.version)
    return product


@router.delete("/products/{product_id}", status_code=HTTPStatus.NO_CONTENT)
async def remove_product(product_id: UUID, database: DatabaseDependency, if_match: IfMatch = None) -> None:
    """Remove a product."""
    expected = expected_version(if_match)
    await database.write(lambda session: service.remove_product(session, product_id, expected))


@router.get("/categories")
async def list_categories(database: DatabaseDependency) -> CategoryList:
    """List the categories that have products."""
    return await database.read(service.list_categories)
