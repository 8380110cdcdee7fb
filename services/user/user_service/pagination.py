"""Opaque cursors for lists that run from new to old.

A cursor holds the time and the id of the last item of a page, not a position: items that come or go meanwhile neither
repeat nor hide others (https://use-the-index-luke.com/no-offset).
"""

import base64
import binascii
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from storefront_common.problems import InvalidInputError


class Cursor(NamedTuple):
    """The last item that was delivered; `id` decides between equal times."""

    at: datetime
    id: UUID


class _Encoded(BaseModel):
    model_config = ConfigDict(extra="forbid")
    at: AwareDatetime
    id: UUID


def encode(cursor: Cursor) -> str:
    """`cursor` as URL-safe text."""
    document = _Encoded(at=cursor.at, id=cursor.id).model_dump_json()
    return base64.urlsafe_b64encode(document.encode()).rstrip(b"=").decode()


def decode(text: str | None) -> Cursor | None:
    """The cursor behind the query's `after`; None when there is none.

    Raises:
        InvalidInputError: it is no cursor of ours.
    """
    if text is None:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        document = _Encoded.model_validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, ValidationError) as error:
        raise InvalidInputError(
            "after", text, "is not a cursor; pass the nextCursor of the page before as it is"
        ) from error
    return Cursor(document.at, document.id)
