"""Messages that could not be handled: to be looked at, tried again, or thrown away."""

import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aio_pika.abc import AbstractIncomingMessage

from storefront_common.events import UnreadableEventError, UnwantedEventError, decode
from storefront_common.messaging.broker import Broker, BrokerUnavailableError, RefusedError
from storefront_common.messaging.consumer import ERROR_HEADER, failures
from storefront_common.messaging.copies import copy

_REPLAY_KEY = "now"
_REQUEST_SECONDS = 5.0


@dataclass(frozen=True)
class DeadLetter:
    """A message in `<service>.dead`."""

    id: str
    """The event's id; of a message without one, a digest of its body."""
    type: str | None
    subject: str | None
    failures: int
    """How often it was tried again in vain."""
    error: str | None
    """What is wrong with it, or why it failed the last time but one: the broker lets nobody add the last time."""
    died_at: datetime | None
    body: bytes


async def find(broker: Broker, service: str, limit: int = 100) -> list[DeadLetter]:
    """The oldest `limit` dead letters of `service`; they stay where they are.

    Raises:
        BrokerUnavailableError: the broker cannot be asked.
    """
    async with _held(broker, service, limit) as messages:
        return [_describe(message) for message in messages]


async def replay(broker: Broker, service: str, ids: Collection[str] | None) -> int:
    """Put dead letters back into the queue of `service` as if they were new; how many.

    Args:
        ids: which ones; None: all.

    Raises:
        BrokerUnavailableError: the broker cannot be asked; some may have been put back.
    """
    number = 0
    async with _held(broker, service, None) as messages:
        for message in messages:
            if ids is None or _id(message) in ids:
                try:
                    await broker.publish(f"{service}.retry", _REPLAY_KEY, copy(message))
                except RefusedError as error:
                    raise BrokerUnavailableError(f"the queue {service} cannot be reached: {error}") from error
                await message.ack()
                number += 1
    return number


async def discard(broker: Broker, service: str, ids: Collection[str] | None) -> int:
    """Throw dead letters away for good; how many.

    Args:
        ids: which ones; None: all.

    Raises:
        BrokerUnavailableError: the broker cannot be asked; some may have been thrown away.
    """
    number = 0
    async with _held(broker, service, None) as messages:
        for message in messages:
            if ids is None or _id(message) in ids:
                await message.ack()
                number += 1
    return number


@contextlib.asynccontextmanager
async def _held(
    broker: Broker, service: str, limit: int | None
) -> AsyncIterator[list[AbstractIncomingMessage]]:
    """The dead letters, oldest first; those that are not acknowledged go back to their queue at the end."""
    async with broker.channel() as channel:
        messages: list[AbstractIncomingMessage] = []
        try:
            queue = await channel.get_queue(f"{service}.dead", ensure=False)
            while limit is None or len(messages) < limit:
                message = await queue.get(fail=False, timeout=_REQUEST_SECONDS)
                if message is None:
                    break
                messages.append(message)
        except Exception as error:
            raise BrokerUnavailableError(f"cannot read the queue {service}.dead: {error!r}") from error
        yield messages


def _id(message: AbstractIncomingMessage) -> str:
    return message.message_id or hashlib.sha256(message.body).hexdigest()[:16]


def _describe(message: AbstractIncomingMessage) -> DeadLetter:
    try:
        document = json.loads(message.body)
    except (ValueError, RecursionError):
        document = None
    envelope = document if isinstance(document, dict) else {}
    error = message.headers.get(ERROR_HEADER)
    if error is None:
        try:
            decode(message.body)
        except (UnreadableEventError, UnwantedEventError) as unreadable:
            error = str(unreadable)
    return DeadLetter(
        id=_id(message),
        type=_text(envelope.get("type")),
        subject=_text(envelope.get("subject")),
        failures=failures(message),
        error=_text(error),
        died_at=_died_at(message),
        body=message.body,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _died_at(message: AbstractIncomingMessage) -> datetime | None:
    """When the broker moved it here, as it noted."""
    deaths = message.headers.get("x-death")
    latest = deaths[0] if isinstance(deaths, list) and deaths else None
    moment = latest.get("time") if isinstance(latest, dict) else None
    return moment if isinstance(moment, datetime) else None
