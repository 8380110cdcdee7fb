"""What happens to people, and what the services do with their data. Subject: the person's subject."""

from typing import Any
from uuid import UUID

from storefront_common.events.parts import EventData


class UserChanged(EventData):
    """A person is new or not as before; this is all that others may know. The user service tells it."""

    type = "user.changed"

    subject: str
    email: str
    name: str
    blocked: bool
    """Whether they may order."""


class UserErasureRequested(EventData):
    """Every service forgets what it knows about a person, and answers with `user.data_erased`."""

    type = "user.erasure_requested"

    request_id: UUID
    subject: str


class UserExportRequested(EventData):
    """Every service answers with `user.data_exported`: all that it knows about a person."""

    type = "user.export_requested"

    request_id: UUID
    subject: str


class UserDataErased(EventData):
    """One service has forgotten a person."""

    type = "user.data_erased"

    request_id: UUID
    service: str


class UserDataExported(EventData):
    """All that one service knows about a person."""

    type = "user.data_exported"

    request_id: UUID
    service: str
    data: dict[str, Any]
