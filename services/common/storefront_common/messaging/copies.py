"""Messages that are sent once more."""

from typing import Any

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage


def copy(message: AbstractIncomingMessage, **own_headers: Any) -> Message:
    """A new message that tells what `message` told, with its trace; `own_headers` replace all others.

    RabbitMQ's own headers stay behind: what it noted about the journey so far would look to it like a circle, and it
    drops messages that run in one (https://www.rabbitmq.com/docs/dlx).
    """
    headers = {name: value for name, value in message.headers.items() if not name.startswith("x-")}
    return Message(
        message.body,
        message_id=message.message_id,
        type=message.type,
        headers={**headers, **own_headers},
        content_type=message.content_type,
        delivery_mode=DeliveryMode.PERSISTENT,
        timestamp=message.timestamp,
        app_id=message.app_id,
    )
