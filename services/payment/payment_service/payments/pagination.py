"""Opaque cursors for lists of payments, the newest first (https://use-the-index-luke.com/no-offset)."""

import base64
import binascii
from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from storefront_common.problems import InvalidInputError


class _Cursor(BaseModel):
    model_config = ConfigDict(extra="forbid")
    k: AwareDatetime
    i: UUID


def encode(created_at: datetime, payment_id: UUID) -> str:
    """The place behind that payment, as URL-safe text."""
    document = _Cursor(k=created_at, i=payment_id).model_dump_json().encode()
    return base64.urlsafe_b64encode(document).rstrip(b"=").decode()


def decode(cursor: str) -> tuple[datetime, UUID]:
    """Creation and id of the last payment of the page before.

    Raises:
        InvalidInputError: it is no cursor of ours.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        document = _Cursor.model_validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, ValidationError):
        raise InvalidInputError(
            "after", cursor, "is not a cursor; pass the nextCursor of the page before as it is"
        ) from None
    return document.k, document.i
