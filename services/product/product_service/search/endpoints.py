"""Search over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query

from product_service.dependencies import DatabaseDependency, SearchIndexDependency
from product_service.search import service
from product_service.search.schemas import SearchPage, SearchQuery

router = APIRouter(prefix="/api/search", tags=["search"])


@router.get("")
async def search_products(
    query: Annotated[SearchQuery, Query()], index: SearchIndexDependency, database: DatabaseDependency
) -> SearchPage:
    """Search products by words, also mistyped ones, narrow the result, and count what narrowing would leave."""
    return await service.search(query, index, database)
