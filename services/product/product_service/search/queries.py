"""From what a customer looks for to Elasticsearch's query language. Only the server's core features are used."""

import zlib
from collections.abc import Sequence
from typing import Any

from product_service.search.documents import words
from product_service.search.schemas import SearchQuery, SearchSort

Clause = dict[str, Any]

MAX_WORDS = 10

PRICE_STEPS = (0, 2_500, 5_000, 10_000, 20_000)
"""Where the ranges of the price facet begin, in minor units."""

_FIELDS = {"name": 8.0, "sku": 8.0, "options": 3.0, "category": 3.0, "description": 1.0}
"""How much a word in a field says about the product."""
_PREFIX = 0.5
"""What the beginning of a word counts, compared with the whole word."""
_FUZZY = 0.3
_TYPOS = "AUTO:4,8"
"""None in words of up to three letters, one up to seven, two in longer ones."""
_CATEGORIES = 100

_SORTS: dict[SearchSort, list[Clause]] = {
    SearchSort.RELEVANCE: [{"_score": "desc"}, {"id": "asc"}],
    SearchSort.NEWEST: [{"createdAt": "desc"}, {"id": "desc"}],
    SearchSort.PRICE_ASC: [{"price": "asc"}, {"id": "asc"}],
    SearchSort.PRICE_DESC: [{"price": "desc"}, {"id": "desc"}],
    SearchSort.NAME: [{"sortName": "asc"}, {"id": "asc"}],
}


def query_words(query: SearchQuery) -> list[str]:
    """The words that are looked for, at most MAX_WORDS."""
    return words(query.q or "")[:MAX_WORDS]


def search_body(
    query: SearchQuery, wanted: Sequence[str], after: Sequence[Any] | None, *, approximate: bool
) -> Clause:
    """The body of a search for one product more than a page holds.

    Args:
        wanted: from `query_words`.
        after: the sort values of the last product of the page before.
        approximate: also find words that are only similar.
    """
    category = [{"term": {"categorySlug": query.category}}] if query.category else []
    bounds = {"gte": query.price_min, "lte": query.price_max}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    price = [{"range": {"price": given}}] if given else []
    in_stock = [{"term": {"inStock": True}}] if query.in_stock else []
    body: Clause = {
        "query": {
            "bool": {
                "filter": [{"term": {"active": True}}, *in_stock],
                **_words_clause(wanted, approximate=approximate),
            }
        },
        # After the facets were counted: each of them leaves its own choice out.
        "post_filter": {"bool": {"filter": [*category, *price]}},
        "sort": _SORTS[query.order],
        "size": query.limit + 1,
        "track_total_hits": True,
        "_source": ["product"],
    }
    if after is None:
        body["aggs"] = {
            "categories": _facet(price, {"terms": {"field": "categorySlug", "size": _CATEGORIES}}),
            "prices": _facet(category, {"range": {"field": "price", "ranges": _ranges()}}),
        }
    else:
        body["search_after"] = list(after)
    return body


def preference(query: SearchQuery) -> str:
    """Names the copy of the index that answers: copies score a little differently, and pages must fit together."""
    return f"q{zlib.crc32((query.q or '').encode())}"


def _words_clause(wanted: Sequence[str], *, approximate: bool) -> Clause:
    if not wanted:
        return {}
    return {
        "should": [_word(word, approximate=approximate) for word in wanted],
        # Whoever mistypes three words has perhaps one too many.
        "minimum_should_match": "2<-1" if approximate else "100%",
    }


def _word(word: str, *, approximate: bool) -> Clause:
    """A word: as it is, as the beginning of one, in the singular, and with typing errors if `approximate`."""
    clauses: list[Clause] = []
    for field, weight in _FIELDS.items():
        clauses.append({"term": {field: {"value": word, "boost": weight}}})
        part = {"boost": weight * _PREFIX}
        clauses.append({"prefix": {field: {"value": word, **part}}})
        clauses += [{"term": {field: {"value": singular, **part}}} for singular in _singulars(word)]
        if approximate and field != "sku":
            fuzzy = {"value": word, "fuzziness": _TYPOS, "boost": weight * _FUZZY}
            clauses.append({"fuzzy": {field: fuzzy}})
    return {"dis_max": {"queries": clauses, "tie_breaker": 0.1}}


def _singulars(word: str) -> list[str]:
    """What `word` may be the plural of, in English: who looks for lamps finds the lamp."""
    if len(word) < 4 or not word.endswith("s") or word.endswith("ss"):
        return []
    singulars = [word[:-1]]
    if word.endswith("ies"):
        singulars.append(word[:-3] + "y")
    elif word.endswith("es"):
        singulars.append(word[:-2])
    return singulars


def _facet(others: list[Clause], counted: Clause) -> Clause:
    return {"filter": {"bool": {"filter": others}}, "aggs": {"counted": counted}}


def _ranges() -> list[Clause]:
    ranges: list[Clause] = []
    for begin, end in zip(PRICE_STEPS, (*PRICE_STEPS[1:], None), strict=True):
        ranges.append({"from": begin} if end is None else {"from": begin, "to": end})
    return ranges
