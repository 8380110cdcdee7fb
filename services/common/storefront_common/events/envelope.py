"""What is around every event: CloudEvents' attributes (https://github.com/cloudevents/spec), in the message's body."""

import json
from collections.abc import Container, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from storefront_common.events.catalogue import CATALOGUE
from storefront_common.events.parts import EventData

D = TypeVar("D", bound=EventData)


class Event(BaseModel, Generic[D]):
    """Something that has happened to one aggregate."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: UUID
    """The same however often the event is delivered."""
    source: str
    """The service that tells it."""
    type: str
    subject: str
    """The aggregate's id."""
    time: AwareDatetime
    dataversion: int = 1
    aggregateversion: int = Field(ge=0)
    """The aggregate's version after the event. Events of one aggregate may arrive in another order."""
    data: D


class UnreadableEventError(Exception):
    """The bytes are no event that this service can read; reading them again would not help."""


class UnwantedEventError(Exception):
    """An event of a type that the reader has no use for."""

    def __init__(self, type: str) -> None:  # noqa: A002
        super().__init__(type)
        self.type = type


def assemble(
    *,
    id: UUID,  # noqa: A002 CloudEvents' name
    source: str,
    type: str,  # noqa: A002
    subject: str,
    time: datetime,
    dataversion: int,
    aggregateversion: int,
    data: Mapping[str, Any],
) -> bytes:
    """The body of a message from the attributes of its event; `data` is JSON already."""
    document = {
        "id": str(id),
        "source": source,
        "type": type,
        "subject": subject,
        "time": time.isoformat(),
        "dataversion": dataversion,
        "aggregateversion": aggregateversion,
        "data": data,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def encode(event: Event[Any]) -> bytes:
    """`event` as the body of a message."""
    data = event.data.model_dump(mode="json", by_alias=True)
    return assemble(**{**{name: getattr(event, name) for name in Event.model_fields}, "data": data})


def decode(body: bytes, wanted: Container[str] = CATALOGUE) -> Event[Any]:
    """The event in the body of a message; its `data` is of the class that the catalogue has for its type.

    Args:
        wanted: types that the caller can handle. Others are not looked at any closer.

    Raises:
        UnwantedEventError: it is of another type.
        UnreadableEventError: it is no event, or its data is not what its type says, or is of a later version.
    """
    try:
        document = json.loads(body)
        kind = document["type"]
        if not isinstance(kind, str):
            raise TypeError("type is not a string")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UnreadableEventError(f"not an event: {error!r}") from error
    if kind not in wanted:
        raise UnwantedEventError(kind)
    data = CATALOGUE[kind]
    try:
        event = Event[data].model_validate(document)  # type: ignore[valid-type]
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UnreadableEventError(f"{kind}: {place}: {first['msg']}") from error
    if event.dataversion > data.dataversion:
        raise UnreadableEventError(
            f"{kind}: dataversion {event.dataversion} is later than {data.dataversion}, the last one known here"
        )
    return event
