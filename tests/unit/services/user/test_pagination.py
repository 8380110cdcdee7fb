"""Cursors of the administrators' lists."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st
from storefront_common.problems import InvalidInputError
from user_service import pagination
from user_service.pagination import Cursor


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_survives_the_way_to_the_client_and_back(at: object, key: object) -> None:
    cursor = Cursor(at, key)  # type: ignore[arg-type]
    assert pagination.decode(pagination.encode(cursor)) == cursor


def test_no_cursor_is_the_beginning() -> None:
    assert pagination.decode(None) is None


@given(st.text())
def test_other_texts_are_refused_with_a_problem(text: str) -> None:
    with pytest.raises(InvalidInputError):
        pagination.decode(text)
