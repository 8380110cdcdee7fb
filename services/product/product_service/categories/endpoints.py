"""Categories over HTTP."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.identity import Admin, MaybeIdentity
from storefront_common.problems import Problem
from storefront_common.schemas import Slug

from product_service import creation
from product_service.cache import CachedAnswer
from product_service.categories import service
from product_service.categories.schemas import (
    CategoryChange,
    CategoryDraft,
    CategoryList,
    CategoryQuery,
    CategoryView,
)
from product_service.dependencies import DatabaseDependency, ProductCacheDependency
from product_service.search import rebuilding

router = APIRouter(prefix="/api/categories", tags=["categories"])


@router.get("", response_model=CategoryList)
async def list_categories(
    query: Annotated[CategoryQuery, Query()],
    database: DatabaseDependency,
    cache: ProductCacheDependency,
    identity: MaybeIdentity,
) -> Response:
    """List the categories that have products."""
    if query.empty and not (identity and identity.is_admin):
        raise Problem(HTTPStatus.FORBIDDEN, "Empty categories are listed for administrators only.")
    answer = None if query.empty else await cache.categories()
    if answer is None:
        listed = await database.read(lambda session: service.list_categories(session, empty=query.empty))
        answer = CachedAnswer("", listed.model_dump_json(by_alias=True).encode())
        if not query.empty:
            await cache.keep_categories(answer)
    return Response(answer.body, media_type="application/json")


@router.post("", status_code=HTTPStatus.CREATED)
async def create_category(
    draft: CategoryDraft,
    database: DatabaseDependency,
    admin: Admin,
    response: Response,
    idempotency_key: creation.Key = None,
) -> CategoryView:
    """Create a category."""
    category, repeated = await database.write(
        lambda session: creation.once(
            session,
            idempotency_key,
            admin.subject,
            f"create category {draft.model_dump_json()}",
            CategoryView,
            lambda: service.create_category(session, draft),
        )
    )
    creation.tell_repetition(response, repeated)
    return category


@router.patch("/{slug}")
async def rename_category(
    slug: Slug,
    change: CategoryChange,
    database: DatabaseDependency,
    cache: ProductCacheDependency,
    admin: Admin,
) -> CategoryView:
    """Give a category another name."""

    async def rename(session: AsyncSession) -> CategoryView:
        renamed = await service.rename_category(session, slug, change.name)
        # The index knows its products by the old name.
        await rebuilding.ask(session)
        return renamed

    category = await database.write(rename)
    await cache.forget([], categories=True)
    return category


@router.delete("/{slug}", status_code=HTTPStatus.NO_CONTENT)
async def remove_category(
    slug: Slug, database: DatabaseDependency, cache: ProductCacheDependency, admin: Admin
) -> None:
    """Remove a category that has no products."""
    await database.write(lambda session: service.remove_category(session, slug))
    await cache.forget([], categories=True)
