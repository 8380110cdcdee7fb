"""What an empty optional parameter means, and that the document says so."""

from __future__ import annotations

import re
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError
from storefront_common.schemas import EMPTY_IS_ABSENT, Slug

parameter: TypeAdapter[str | None] = TypeAdapter(Annotated[Slug | None, EMPTY_IS_ABSENT])


def documented_patterns() -> list[str]:
    """The patterns of the texts that the JSON Schema allows."""
    alternatives: list[dict[str, Any]] = parameter.json_schema()["anyOf"]
    return [alternative["pattern"] for alternative in alternatives if "pattern" in alternative]


@pytest.mark.parametrize("empty", ["", " ", " \t\r\n"])
def test_an_empty_parameter_is_absent_and_documented(empty: str) -> None:
    assert parameter.validate_python(empty) is None
    assert any(re.fullmatch(pattern, empty) for pattern in documented_patterns())


@pytest.mark.parametrize("text", ["\x85", "\u2003", "\x00", "not a slug"])
def test_what_is_neither_empty_nor_valid_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        parameter.validate_python(text)
    assert not any(re.fullmatch(pattern, text) for pattern in documented_patterns())
