"""Opaque cursors for keyset pagination.

A cursor holds the sort key of the last product of a page, not a position: products that come or go meanwhile neither
repeat nor hide others (https://use-the-index-luke.com/no-offset).
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from storefront_common.schemas import MAX_AMOUNT

from product_service.catalogue.schemas import Sort

Key = datetime | int | str


class InvalidCursorError(ValueError):
    """The text is no cursor of ours, or one of another sort order."""


@dataclass(frozen=True)
class Cursor:
    """The sort key of the last product that was delivered; `id` decides between equal keys."""

    sort: Sort
    key: Key
    id: UUID


class _Encoded(BaseModel):
    model_config = ConfigDict(extra="forbid")
    i: UUID


class _ByTime(_Encoded):
    s: Literal[Sort.NEWEST]
    k: AwareDatetime


class _ByPrice(_Encoded):
    s: Literal[Sort.PRICE_ASC, Sort.PRICE_DESC]
    k: Annotated[int, Field(ge=0, le=MAX_AMOUNT, strict=True)]


class _ByName(_Encoded):
    s: Literal[Sort.NAME]
    k: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]


_FORMAT: TypeAdapter[_ByTime | _ByPrice | _ByName] = TypeAdapter(
    Annotated[_ByTime | _ByPrice | _ByName, Field(discriminator="s")]
)


def encode(cursor: Cursor) -> str:
    """`cursor` as URL-safe text."""
    document = _FORMAT.validate_python({"s": cursor.sort, "k": cursor.key, "i": cursor.id})
    return base64.urlsafe_b64encode(document.model_dump_json().encode()).rstrip(b"=").decode()


def decode(text: str, sort: Sort) -> Cursor:
    """The cursor behind `text`, which must be one for `sort`.

    Raises:
        InvalidCursorError: it is not.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        document = _FORMAT.validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, ValidationError) as error:
        raise InvalidCursorError(
            "is not a cursor; pass the nextCursor of the page before as it is"
        ) from error
    if document.s != sort:
        raise InvalidCursorError(
            f"belongs to sort={document.s}; start anew without `after` to sort by {sort}"
        )
    return Cursor(sort=document.s, key=document.k, id=document.i)
