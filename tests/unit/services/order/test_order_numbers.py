"""Order numbers: different, checked, and understood as people write them."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from order_service.orders.numbers import number, parse

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
serials = st.integers(0, 2**30 - 1)


@given(serials)
def test_a_number_is_understood_however_it_is_written(serial: int) -> None:
    given_out = number(serial)
    assert parse(given_out) == given_out
    sloppy = given_out.lower().replace("0", "o").replace("1", "l").replace("-", " ")
    assert parse(sloppy) == given_out
    assert parse(given_out.removeprefix("S-")) == given_out


@given(st.lists(serials, unique=True, min_size=2, max_size=200))
def test_no_two_orders_share_a_number(some: list[int]) -> None:
    assert len({number(serial) for serial in some}) == len(some)


def test_numbers_do_not_tell_how_many_orders_there_are() -> None:
    first = [number(serial) for serial in range(1, 1000)]
    assert first != sorted(first)
    assert len({text[2:5] for text in first}) > 500


@given(serials, st.integers(2, 8), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_noticed(serial: int, position: int, wrong: str) -> None:
    right = number(serial)
    assume(right[position] != wrong)
    assert parse(right[:position] + wrong + right[position + 1 :]) is None


@given(serials, st.integers(2, 8), st.integers(2, 8))
def test_two_characters_that_changed_places_are_noticed(serial: int, one: int, other: int) -> None:
    characters = list(number(serial))
    assume(characters[one] != characters[other])
    characters[one], characters[other] = characters[other], characters[one]
    assert parse("".join(characters)) is None


@pytest.mark.parametrize(
    "text", ["", "S-", "S", "S-123", "S-1234567890", "customer@example.com", "U" * 7, "ß" * 7]
)
def test_what_cannot_be_a_number_is_none(text: str) -> None:
    assert parse(text) is None
