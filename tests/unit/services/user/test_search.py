"""Words of a search for users."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from user_service.administration import search


def test_words_are_what_stands_between_other_characters() -> None:
    assert search.words("Zoë.Müller@Example.com") == ["zoë", "müller", "example", "com"]


@given(st.text())
def test_no_query_means_anything_to_the_database_but_words(text: str) -> None:
    found = search.words(text)
    assert len(found) <= search.MAX_WORDS
    assert all(word.isalnum() for word in found)
