"""Opaque cursors for keyset pagination: the time and id of the last order of a page."""

import base64
import binascii
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict


class InvalidCursorError(ValueError):
    """The text is no cursor of ours."""


class Cursor(NamedTuple):
    """The last order that was delivered."""

    placed_at: datetime
    id: UUID


class _Encoded(BaseModel):
    model_config = ConfigDict(extra="forbid")

    t: AwareDatetime
    i: UUID


def encode(cursor: Cursor) -> str:
    """`cursor` as URL-safe text."""
    document = _Encoded(t=cursor.placed_at, i=cursor.id).model_dump_json()
    return base64.urlsafe_b64encode(document.encode()).rstrip(b"=").decode()


def decode(text: str) -> Cursor:
    """The cursor behind `text`.

    Raises:
        InvalidCursorError: it is none.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        document = _Encoded.model_validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidCursorError(
            "is not a cursor; pass the nextCursor of the page before as it is"
        ) from error
    return Cursor(document.t, document.i)
