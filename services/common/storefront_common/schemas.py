"""What the APIs' documents are made of: the base of every model, and fields that mean the same everywhere."""

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core.core_schema import CoreSchema, no_info_before_validator_function

MAX_AMOUNT = 100_000_000_00
"""Largest amount of money in minor units; sums of many still fit into PostgreSQL's bigint and JSON's safe integers."""

Currency = Literal["EUR"]


def printable(text: str) -> str:
    """Refuse control characters: PostgreSQL cannot store some of them, and none of them can be seen."""
    if any(unicodedata.category(character) == "Cc" and character not in "\n\t" for character in text):
        raise ValueError("must not contain control characters")
    return text


def one_line(text: str) -> str:
    """Refuse a text of more than one line."""
    if "\n" in text or "\t" in text:
        raise ValueError("must be a single line")
    return text


# No other white space: patterns and Python do not agree about which there is.
_BLANKS = " \t\r\n"


def empty_is_absent(value: Any) -> Any:
    """`?category=` means the same as no category: forms send empty fields."""
    return None if isinstance(value, str) and not value.strip(_BLANKS) else value


class _EmptyIsAbsent:
    """Validates with `empty_is_absent` first, and tells so in the JSON Schema."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(empty_is_absent, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        described = handler(schema)
        alternatives = described.pop("anyOf", None) or [described]
        return {**described, "anyOf": [*alternatives, {"type": "string", "pattern": r"^[ \t\r\n]*$"}]}


EMPTY_IS_ABSENT = _EmptyIsAbsent()
"""For an optional parameter: `Annotated[Slug | None, EMPTY_IS_ABSENT] = None`."""


class Model(BaseModel):
    """camelCase outside, snake_case inside; an unknown field is an error, not a silent loss."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", str_strip_whitespace=True
    )


Name = Annotated[
    str, Field(min_length=1, max_length=200), AfterValidator(printable), AfterValidator(one_line)
]
"""What people call a thing or themselves: one line that can be seen."""

Text = Annotated[str, Field(max_length=5_000), AfterValidator(printable)]
"""Text of any number of lines, also empty."""

Slug = Annotated[str, Field(max_length=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
"""A name for addresses: `table-lamps`."""

Sku = Annotated[str, Field(max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""A stock keeping unit: the identity of something that is sold."""

PageLimit = Annotated[int, Field(ge=1, le=100)]
"""How many items of a list at most."""

PageCursor = Annotated[Annotated[str, Field(max_length=1_000)] | None, EMPTY_IS_ABSENT]
"""The `nextCursor` of the page before."""


class Money(Model):
    """An amount of money in minor units: 1999 EUR is 19.99 €."""

    amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT, strict=True)]
    currency: Currency = "EUR"
