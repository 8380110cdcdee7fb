"""Which changes of an amount the other services hear of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from product_service.inventory.availability import EXACT, band, is_news

amounts = st.integers(0, 1_000_000_000)


@given(amounts, amounts)
def test_what_the_others_believe_is_never_far_from_what_there_is(believed: int, present: int) -> None:
    if not is_news(believed, present):
        assert (believed == 0) == (present == 0)
        assert max(believed, present) <= 2 * min(believed, present)


@given(st.integers(0, EXACT), amounts)
def test_small_amounts_are_told_exactly(small: int, other: int) -> None:
    assert is_news(small, other) == (small != other)


@given(amounts, amounts)
def test_bands_grow_with_amounts(one: int, other: int) -> None:
    assert (band(one) <= band(other)) or one > other
