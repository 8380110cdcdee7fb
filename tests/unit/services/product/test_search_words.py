"""Words of products and of queries, cut and folded in the same way; and cursors of what was found."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from product_service.search import cursors
from product_service.search.cursors import Position
from product_service.search.documents import words
from product_service.search.queries import MAX_WORDS, query_words, search_body
from product_service.search.schemas import SearchQuery, SearchSort
from storefront_common.problems import InvalidInputError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sörvik enamel teapot", ["sorvik", "enamel", "teapot"]),
        ("so\u0308rvik", ["sorvik"]),
        ("AB-12/3.5_x", ["ab", "12", "3", "5", "x"]),
        ("Straße, Smørrebrød", ["strasse", "smorrebrod"]),
        ("!!! ' \\ *:*", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text(max_size=60))
@example("\N{MATHEMATICAL DOUBLE-STRUCK CAPITAL S}")
def test_a_word_is_folded_once_and_for_all(text: str) -> None:
    for word in words(text):
        assert words(word) == [word]


@given(st.text(min_size=1, max_size=200))
def test_any_text_makes_a_bounded_query(text: str) -> None:
    query = SearchQuery.model_validate({"q": text})
    wanted = query_words(query)
    assert len(wanted) <= MAX_WORDS
    clause = search_body(query, wanted, None, approximate=True)["query"]["bool"]
    assert len(clause.get("should", [])) == len(wanted)


@pytest.mark.parametrize(
    ("sort", "values"),
    [
        (SearchSort.RELEVANCE, [7.25, "id"]),
        (SearchSort.NEWEST, [1_700_000_000_000, "id"]),
        (SearchSort.NAME, ["lamp", "id"]),
    ],
)
def test_a_cursor_comes_back_as_it_was_and_fits_its_order_only(
    sort: SearchSort, values: list[int | float | str | None]
) -> None:
    position = Position(sort=sort, values=values, approximate=True)
    text = cursors.encode(position)
    assert cursors.decode(text, sort) == position
    with pytest.raises(InvalidInputError, match="belongs to sort="):
        cursors.decode(text, SearchSort.PRICE_ASC)


@given(st.text(max_size=80))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        cursors.decode(text, SearchSort.NEWEST)
