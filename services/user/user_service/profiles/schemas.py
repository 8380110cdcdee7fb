"""What the profile's API takes and gives."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field
from storefront_common.schemas import Model, Name


def _compact(value: object) -> object:
    """`+49 (30) 123-456` as machines dial it."""
    return value.translate(dict.fromkeys(map(ord, " ()-./"))) if isinstance(value, str) else value


Phone = Annotated[str, Field(max_length=20, pattern=r"^\+[1-9][0-9]{6,14}$"), BeforeValidator(_compact)]
"""A telephone number in international form (ITU-T E.164); spaces, brackets and hyphens are left out."""


class ProfileChange(Model):
    """What changes in one's own profile; what is not given stays, null removes (RFC 7396)."""

    name: Name | None = None
    """Another name than the identity provider's; null goes back to that one."""
    phone: Phone | None = None


class ProfileView(Model):
    """A profile as its owner sees it."""

    id: UUID
    email: str | None
    email_verified: bool
    name: str | None
    phone: str | None
    blocked: bool
    version: int
    created_at: datetime
    updated_at: datetime
