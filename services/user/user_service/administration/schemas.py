"""What the administrators' API takes and gives."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field
from storefront_common.schemas import EMPTY_IS_ABSENT, Model, PageCursor, PageLimit, Text

from user_service.addresses.schemas import AddressView
from user_service.profiles.schemas import ProfileView


class Action(StrEnum):
    """What administrators do to users."""

    BLOCK = "block"
    UNBLOCK = "unblock"
    ERASE = "erase"


class UserQuery(Model):
    """Which users to list."""

    limit: PageLimit = 24
    after: PageCursor = None
    q: Annotated[str | None, Field(max_length=200), EMPTY_IS_ABSENT] = None
    """Beginnings of words of the name or the email address; all of them have to be there."""
    subject: Annotated[str | None, Field(max_length=255), EMPTY_IS_ABSENT] = None
    """The identity provider's subject, by which orders name their customer."""
    blocked: bool | None = None


class UserView(ProfileView):
    """A user as administrators see it."""

    subject: str


class UserDetails(UserView):
    """A user with all that administrators see."""

    addresses: list[AddressView]


class UserPage(Model):
    """Part of the users, from new to old, and where the next part begins."""

    items: list[UserView]
    next_cursor: str | None


class Reason(Model):
    """Why an administrator does something; others will read it in the audit."""

    reason: Annotated[Text, Field(min_length=1, max_length=500)]


class ActionQuery(Model):
    """Which actions to list."""

    limit: PageLimit = 24
    after: PageCursor = None
    user_id: UUID | None = None


class ActionView(Model):
    """Something that an administrator did."""

    id: UUID
    at: datetime
    admin: str
    action: Action
    user_id: UUID
    reason: str | None
    """None once the user is erased: it may have told something about them."""


class ActionPage(Model):
    """Part of the audit, from new to old, and where the next part begins."""

    items: list[ActionView]
    next_cursor: str | None
