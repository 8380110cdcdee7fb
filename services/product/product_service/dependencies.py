"""What endpoints are given by the application that runs them.

All are coroutines: FastAPI would call a plain function in a thread, which costs more than the function.
"""

from typing import Annotated

from fastapi import Depends, Request
from storefront_common.database import Database

from product_service.cache import ProductCache
from product_service.search.index import SearchIndex


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _product_cache(request: Request) -> ProductCache:
    cache: ProductCache = request.app.state.product_cache
    return cache


async def _search_index(request: Request) -> SearchIndex:
    index: SearchIndex = request.app.state.search_index
    return index


DatabaseDependency = Annotated[Database, Depends(_database)]
ProductCacheDependency = Annotated[ProductCache, Depends(_product_cache)]
SearchIndexDependency = Annotated[SearchIndex, Depends(_search_index)]
