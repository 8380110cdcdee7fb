"""Amounts and addresses as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notification_service.letters.formatting import address_lines, money
from storefront_common.events import Address, Money


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (0, "EUR", "€0.00"), (5, "EUR", "€0.05"), (1890, "EUR", "€18.90"), (123456789, "EUR", "€1,234,567.89"),
        (1890, "USD", "$18.90"), (1890, "GBP", "£18.90"), (1890, "JPY", "¥1,890"), (1890, "CHF", "CHF\u00a018.90"),
        (1234567, "KWD", "KWD\u00a01,234.567"), (500, "KRW", "KRW\u00a0500"),
    ],
)  # fmt: skip
def test_amounts_are_written_with_the_decimals_of_their_currency(
    amount: int, currency: str, written: str
) -> None:
    assert money(Money(amount=amount, currency=currency)) == written


@given(st.integers(0, 10**15))
def test_no_cent_is_lost(amount: int) -> None:
    assert int("".join(filter(str.isdigit, money(Money(amount=amount))))) == amount


def address(**changes: str) -> Address:
    given = {"name": "N", "line1": "L", "postal_code": "12345", "city": "C", "country": "DE"}
    return Address.model_validate({**given, **changes})


def test_an_address_stands_as_on_a_parcel() -> None:
    assert address_lines(address()) == ["N", "L", "12345 C", "Germany"]
    assert address_lines(address(line2="L2", country="US")) == ["N", "L", "L2", "C 12345", "United States"]


def test_a_country_without_a_name_here_is_written_as_its_code() -> None:
    assert address_lines(address(country="BT"))[-1] == "BT"
