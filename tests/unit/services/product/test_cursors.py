"""Cursors: opaque, exact, and refused when they are not ours."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from product_service.catalogue.pagination import Cursor, InvalidCursorError, decode, encode
from product_service.catalogue.schemas import Sort
from storefront_common.schemas import MAX_AMOUNT

ID = UUID("0b5d5a0e-9d4c-4b52-8c56-5b4a0d7bb0a1")

keys = {
    Sort.NEWEST: st.datetimes(timezones=st.just(UTC)),
    Sort.PRICE_ASC: st.integers(0, MAX_AMOUNT),
    Sort.PRICE_DESC: st.integers(0, MAX_AMOUNT),
    Sort.NAME: st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200),
}


@pytest.mark.parametrize("sort", list(Sort))
@given(data=st.data(), identity=st.uuids())
def test_what_goes_in_comes_out(sort: Sort, data: st.DataObject, identity: UUID) -> None:
    cursor = Cursor(sort, data.draw(keys[sort]), identity)
    text = encode(cursor)
    assert decode(text, sort) == cursor
    assert text.replace("-", "").replace("_", "").isalnum(), "must need no quoting in a URL"


def test_microseconds_survive() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    assert decode(encode(Cursor(Sort.NEWEST, moment, ID)), Sort.NEWEST).key == moment


def test_a_cursor_serves_its_own_order_only() -> None:
    for sort, key in ((Sort.PRICE_ASC, 5), (Sort.NAME, "Lamp")):
        with pytest.raises(InvalidCursorError, match=f"belongs to sort={sort}"):
            decode(encode(Cursor(sort, key, ID)), Sort.PRICE_DESC)


@given(st.text(max_size=60))
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidCursorError):
        decode(text, Sort.NAME)
