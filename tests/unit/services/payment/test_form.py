"""Stripe's form encoding, on both sides, checked against Stripe's own library."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from payment_service.gateway import form as ours
from storefront_standins.payments import form as theirs
from stripe._encode import _api_encode

NAMES = st.text("abcxyz_", min_size=1, max_size=8)
VALUES = st.one_of(st.text(max_size=20), st.integers(), st.booleans())
PARAMETERS = st.dictionaries(
    NAMES,
    st.recursive(
        VALUES,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3), st.dictionaries(NAMES, inner, min_size=1, max_size=3)
        ),
        max_leaves=6,
    ),
    max_size=5,
)


@given(PARAMETERS)
def test_parameters_are_encoded_as_stripes_library_does(parameters: dict[str, Any]) -> None:
    expected = {name: _text(value) for name, value in _api_encode(parameters)}

    assert ours.encode(parameters) == expected


@given(PARAMETERS)
def test_the_sandbox_reads_what_the_service_writes(parameters: dict[str, Any]) -> None:
    assert theirs.decode(urlencode(ours.encode(parameters))) == _texts(parameters)


def test_what_is_absent_is_left_out() -> None:
    assert ours.encode({"a": None, "b": {"c": None, "d": 1}}) == {"b[d]": "1"}


@pytest.mark.parametrize("text", ["a[b=1", "a]b=1", "[a]=1", "a[b]c=1", "a=1&a[b]=2", "a[b]=1&a=2"])
def test_keys_that_do_not_nest_are_refused(text: str) -> None:
    with pytest.raises(theirs.MalformedFormError):
        theirs.decode(text)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _texts(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_texts(part) for part in value]
    return _text(value)
