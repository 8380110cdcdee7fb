"""Searching: in Elasticsearch, or, while that is away, in the database."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from prometheus_client import Counter
from pydantic import ValidationError
from storefront_common.database import Database, DatabaseUnavailableError
from storefront_common.problems import Problem

from product_service import categories
from product_service.catalogue import service as catalogue
from product_service.catalogue.schemas import ProductQuery, Sort
from product_service.search import cursors, queries
from product_service.search.connection import SearchUnavailableError
from product_service.search.cursors import Position
from product_service.search.documents import product_of
from product_service.search.index import SearchIndex
from product_service.search.schemas import (
    CategoryFacet,
    Facets,
    PriceFacet,
    SearchPage,
    SearchQuery,
    SearchSort,
)

logger = structlog.stdlib.get_logger(__name__)

_SEARCHES = Counter("product_searches_total", "Searches", ["answer"])


async def search(query: SearchQuery, index: SearchIndex, database: Database) -> SearchPage:
    """One page of what `query` looks for.

    Raises:
        InvalidInputError: `after` is not a cursor for this order.
        DatabaseUnavailableError: Elasticsearch and the database are both away.
    """
    position = None if query.after is None else cursors.decode(query.after, query.order)
    if position is None or position.listed is None:
        try:
            page = await _find(query, position, index, database)
        except SearchUnavailableError as error:
            logger.warning("the database searches instead", reason=str(error))
        else:
            _SEARCHES.labels("approximate" if page.approximate else "exact").inc()
            return page
    page = await _list(query, position, database)
    _SEARCHES.labels("degraded").inc()
    return page


async def _find(
    query: SearchQuery, position: Position | None, index: SearchIndex, database: Database
) -> SearchPage:
    """The page as Elasticsearch finds it."""
    words = queries.query_words(query)
    if query.q is not None and not words:
        return SearchPage(
            items=[],
            next_cursor=None,
            total=0,
            facets=Facets(categories=[], prices=[]),
            approximate=False,
            degraded=False,
        )
    after = None if position is None else position.values
    approximate = position is not None and position.approximate
    preference = queries.preference(query)
    answer = await index.search(queries.search_body(query, words, after, approximate=approximate), preference)
    if position is None and words and answer["hits"]["total"]["value"] == 0:
        similar = await index.search(queries.search_body(query, words, None, approximate=True), preference)
        if similar["hits"]["total"]["value"]:
            answer, approximate = similar, True
    hits = answer["hits"]["hits"]
    shown = hits[: query.limit]
    try:
        items = [product_of(hit["_source"]) for hit in shown]
    except ValidationError as error:
        # Another version of this service has built the index; soon there is a new one.
        raise SearchUnavailableError(f"products in the index look different: {error}") from error
    return SearchPage(
        items=items,
        next_cursor=_cursor(query, hits, shown, approximate=approximate),
        total=answer["hits"]["total"]["value"],
        facets=await _facets(answer["aggregations"], database) if "aggregations" in answer else None,
        approximate=approximate,
        degraded=False,
    )


def _cursor(
    query: SearchQuery, hits: list[dict[str, Any]], shown: list[dict[str, Any]], *, approximate: bool
) -> str | None:
    if len(hits) <= query.limit:
        return None
    return cursors.encode(Position(sort=query.order, values=shown[-1]["sort"], approximate=approximate))


async def _facets(aggregations: Mapping[str, Any], database: Database) -> Facets:
    try:
        names = await database.read(categories.names)
    except DatabaseUnavailableError:
        names = {}
    return Facets(
        categories=[
            CategoryFacet(
                slug=bucket["key"],
                name=names.get(bucket["key"]) or categories.name_of(bucket["key"]),
                count=bucket["doc_count"],
            )
            for bucket in aggregations["categories"]["counted"]["buckets"]
        ],
        prices=[
            PriceFacet(
                price_min=int(bucket["from"]),
                price_max=int(bucket["to"]) - 1 if "to" in bucket else None,
                count=bucket["doc_count"],
            )
            for bucket in aggregations["prices"]["counted"]["buckets"]
            if bucket["doc_count"]
        ],
    )


async def _list(query: SearchQuery, position: Position | None, database: Database) -> SearchPage:
    """The page as the database lists it."""
    if position is not None and position.listed is None:
        # The two count and order differently: to go on in the other one would repeat or hide products.
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The search is not available right now. Try again in a moment, or start anew without `after`.",
            headers={"Retry-After": "3"},
        )
    listed = await database.read(
        lambda session: catalogue.list_products(
            session,
            ProductQuery(
                q=query.q,
                category=query.category,
                price_min=query.price_min,
                price_max=query.price_max,
                in_stock=query.in_stock,
                sort=Sort.NEWEST if query.order is SearchSort.RELEVANCE else Sort(query.order),
                limit=query.limit,
                after=None if position is None else position.listed,
            ),
        )
    )
    cursor = listed.next_cursor
    return SearchPage(
        items=listed.items,
        next_cursor=None if cursor is None else cursors.encode(Position(sort=query.order, listed=cursor)),
        total=None,
        facets=None,
        approximate=False,
        degraded=True,
    )
