"""Problems and conditional requests."""

from __future__ import annotations

import math

import pytest
from storefront_common import conditional
from storefront_common.problems import InvalidInputError, shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (10**30, str(10**30)),
        (math.inf, "inf"),
        (math.nan, "nan"),
        ("\ud800", "?"),
        ("x" * 500, "x" * 200 + "…"),
        ({"a": 1}, "{'a': 1}"),
    ],
)
def test_any_value_can_be_shown(value: object, expected: object) -> None:
    assert shown(value) == expected


@pytest.mark.parametrize(
    ("header", "version"), [(None, None), ("*", None), ('"3"', 3), ("3", 3), (' "12" ', 12)]
)
def test_if_match_names_a_version(header: str | None, version: int | None) -> None:
    assert conditional.expected_version(header) == version


@pytest.mark.parametrize("header", ['""', '"x"', 'W/"3"', '"1", "2"', '"-1"', '"³"', '"12345678901"', ""])
def test_other_tags_are_refused(header: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        conditional.expected_version(header)
    assert refused.value.errors[0]["field"] == "If-Match"


@pytest.mark.parametrize(
    ("header", "current"),
    [
        (None, False),
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ('"b"', False),
        ("*", True),
        ("a", False),
    ],
)
def test_if_none_match_compares_weakly(header: str | None, current: bool) -> None:
    assert conditional.is_current(header, conditional.etag("a")) is current
