"""Opaque cursors of search results: Elasticsearch's sort values, or a cursor of the list in the database."""

import base64
import binascii
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from storefront_common.problems import InvalidInputError

from product_service.search.schemas import SearchSort


class Position(BaseModel):
    """Where a page ended. Either `values` or `listed` is given."""

    model_config = ConfigDict(extra="forbid")

    sort: SearchSort
    values: Annotated[list[str | int | float | None], Field(min_length=2, max_length=2)] | None = None
    """Elasticsearch's sort values of the last product."""
    approximate: bool = False
    """The pages before hold similar words."""
    listed: Annotated[str, Field(max_length=700)] | None = None
    """The cursor of the list in the database: the pages before came from there."""


def encode(position: Position) -> str:
    """`position` as URL-safe text."""
    document = position.model_dump_json(exclude_defaults=True)
    return base64.urlsafe_b64encode(document.encode()).rstrip(b"=").decode()


def decode(text: str, sort: SearchSort) -> Position:
    """The position behind `text`, which must be one for `sort`.

    Raises:
        InvalidInputError: it is not.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        position = Position.model_validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, ValidationError):
        position = None
    if position is None or (position.values is None) == (position.listed is None):
        message = "is not a cursor; pass the nextCursor of the page before as it is"
        raise InvalidInputError("after", text, message)
    if position.sort != sort:
        message = f"belongs to sort={position.sort}; start anew without `after` to sort by {sort}"
        raise InvalidInputError("after", text, message)
    if position.values is not None and not _fits(sort, position.values):
        raise InvalidInputError(
            "after", text, "is not a cursor; pass the nextCursor of the page before as it is"
        )
    return position


def _fits(sort: SearchSort, values: list[Any]) -> bool:
    """Whether Elasticsearch would take these values: the last is an id, the first of the order's type."""
    kinds: tuple[type, ...] = {
        SearchSort.RELEVANCE: (int, float),
        SearchSort.NAME: (str,),
    }.get(sort, (int,))
    key, product_id = values
    return (
        isinstance(key, kinds)
        and isinstance(product_id, str)
        and abs(key if isinstance(key, int) else 0) < 2**63
    )
