"""What the user service's API accepts."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from user_service.addresses.countries import COUNTRIES, is_postal_code
from user_service.addresses.schemas import AddressDraft
from user_service.profiles.schemas import ProfileChange

ADDRESS = {
    "name": "Zoë Müller",
    "line1": "Große Bleichen 12",
    "postalCode": "20354",
    "city": "Hamburg",
    "country": "DE",
}


def address(**changes: Any) -> AddressDraft:
    return AddressDraft.model_validate({**ADDRESS, **changes})


@pytest.mark.parametrize(
    ("country", "code"),
    [
        ("DE", "20354"), ("AT", "1010"), ("NL", "1012 AB"), ("NL", "1012AB"), ("GB", "SW1A 1AA"), ("GB", "M1 1AE"),
        ("IE", "D02 AF30"), ("PL", "00-950"), ("PT", "1000-205"), ("SE", "111 22"), ("CA", "K1A 0B1"),
        ("US", "94105"), ("US", "94105-1234"), ("LV", "LV-1010"), ("HK", "999077"), ("MT", "VLT 1117"),
    ],
)  # fmt: skip
def test_postal_codes_of_their_countries_are_taken(country: str, code: str) -> None:
    assert address(country=country, postalCode=code).postal_code == code


@pytest.mark.parametrize(
    ("country", "code"),
    [
        ("DE", "2035"), ("DE", "203544"), ("DE", "D-20354"), ("AT", "10100"), ("NL", "0012 AB"), ("US", "9410"),
        ("GB", "12345"), ("CA", "D1A 0B1"), ("HK", "!"), ("HK", " "), ("DE", "٢٠٣٥٤"),
    ],
)  # fmt: skip
def test_postal_codes_of_another_shape_are_refused(country: str, code: str) -> None:
    with pytest.raises(ValidationError):
        address(country=country, postalCode=code)


def test_letters_are_capitals_afterwards() -> None:
    draft = address(country="gb", postalCode="sw1a 1aa")
    assert (draft.country, draft.postal_code) == ("GB", "SW1A 1AA")


@pytest.mark.parametrize("country", ["XX", "UK", "EU", "D", "DEU", "", "1A", "ß"])
def test_what_is_no_country_is_refused(country: str) -> None:
    with pytest.raises(ValidationError):
        address(country=country, postalCode="12345")


def test_there_are_249_countries() -> None:
    assert len(COUNTRIES) == 249


@given(st.sampled_from(sorted(COUNTRIES)), st.text(string.printable, max_size=30))
def test_no_postal_code_is_longer_than_its_column(country: str, text: str) -> None:
    assert not is_postal_code(text, country) or len(text) <= 16


@pytest.mark.parametrize("line2", ["", "  ", None])
def test_an_empty_second_line_is_none(line2: str | None) -> None:
    assert address(line2=line2).line2 is None


@pytest.mark.parametrize("field", ["name", "line1", "city"])
@pytest.mark.parametrize("text", ["", "  ", "a\nb", "a\x00b", "x" * 201])
def test_lines_are_one_line_that_can_be_seen(field: str, text: str) -> None:
    with pytest.raises(ValidationError):
        address(**{field: text})


def test_telephone_numbers_are_kept_as_machines_dial_them() -> None:
    assert ProfileChange.model_validate({"phone": " +49 (40) 123-456.7 "}).phone == "+49401234567"


@pytest.mark.parametrize(
    "phone", ["040 123456", "+0 123456", "+49", "+49 123 456 789 012 3456", "+49 12x4567", "", 491]
)
def test_other_telephone_numbers_are_refused(phone: object) -> None:
    with pytest.raises(ValidationError):
        ProfileChange.model_validate({"phone": phone})
