"""Users, exchanges and queues of RabbitMQ, as the definitions that its management API exports and imports.

Every service has one queue, bound to the topic exchange `events` for the types of events that it handles. A message
that fails goes through one of the service's delay queues back into its queue, and in the end to its dead letters.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

VIRTUAL_HOST = "storefront"
EVENTS = "events"
SERVICES = ("user", "product", "order", "payment", "notification")
"""Services that publish and consume events."""

SUBSCRIPTIONS: Mapping[str, Sequence[str]] = {
    "user": ("user.data_erased", "user.data_exported"),
    "product": ("product.changed", "product.removed", "order.placed", "order.paid", "order.cancelled"),
    "order": (
        "product.changed",
        "product.removed",
        "stock.reserved",
        "stock.rejected",
        "payment.captured",
        "payment.failed",
        "payment.action_required",
        "payment.voided",
        "payment.refunded",
        "user.changed",
        "user.erasure_requested",
        "user.export_requested",
    ),
    "payment": ("payment.requested", "order.cancelled", "user.erasure_requested", "user.export_requested"),
    "notification": ("order.placed", "order.paid", "order.shipped", "order.cancelled", "order.refunded"),
}
"""The types of events that each service handles, which are their routing keys."""

RETRY_DELAYS_SECONDS = (5, 30, 300)
"""How long a message waits in `<service>.retry.1`, `.2`, `.3` before it is delivered again."""

REPLAY_KEY = "now"
"""Routing key of the exchange `<service>.retry` that leads back into the queue at once, for dead letters."""

MAX_REPLICAS = 3
"""Members that hold a queue: with more of them a cluster has more room for queues, not more copies."""

_DELIVERY_LIMIT = 20
# No message is dropped: it leaves a queue when the next one has confirmed it, and a full queue refuses new ones.
# Sources: RabbitMQ's guides "Quorum Queues" and "At-Least-Once Dead Lettering".
_LOSSLESS = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}

Definitions = dict[str, list[dict[str, Any]]]


class Credentials(NamedTuple):
    """What one user logs in with."""

    username: str
    password: str


def boot_definitions(admin: Credentials | None, monitor: Credentials | None) -> Definitions:
    """What every member imports when it starts: the virtual host, and who may administer and watch it."""
    # Who watches has to be let into the virtual host, but may touch nothing there.
    caretakers = [(admin, "administrator", ".*"), (monitor, "monitoring", "^$")]
    return {
        "vhosts": [{"name": VIRTUAL_HOST}],
        "users": [_user(who, tags) for who, tags, _ in caretakers if who],
        "permissions": [_permission(who, what, what, what) for who, _, what in caretakers if who],
    }


def topology(users: Mapping[str, Sequence[Credentials]], members: int) -> Definitions:
    """What is imported once all members run: users by service, and the exchanges and queues of all services.

    A service has two users while its credentials are exchanged.
    """
    replicas = min(members, MAX_REPLICAS)
    return {
        "users": [_user(who, "") for pair in users.values() for who in pair],
        "permissions": [
            # Services use what is there and declare nothing.
            _permission(who, "^$", f"^({EVENTS}|{service}\\.retry)$", f"^{service}(\\.dead)?$")
            for service, pair in users.items()
            for who in pair
        ],
        "exchanges": [
            _exchange(EVENTS, "topic"),
            *(_exchange(f"{service}.retry", "direct") for service in SERVICES),
        ],
        "queues": [queue for service in SERVICES for queue in _queues(service, replicas)],
        "bindings": [
            binding
            for service in SERVICES
            for binding in (*_subscriptions(service), *_retry_bindings(service))
        ],
    }


def definitions_without_users() -> Definitions:
    """What a RabbitMQ that runs elsewhere needs: the virtual host, and the exchanges and queues of all services."""
    things = topology({}, MAX_REPLICAS)
    named = {name: things[name] for name in ("exchanges", "queues", "bindings")}
    return {"vhosts": [{"name": VIRTUAL_HOST}], **named}


def password_hash(credentials: Credentials) -> str:
    """RabbitMQ's salted SHA-256 (its guide "Credentials and Passwords"), base64.

    The salt comes from the credentials themselves, so that what is rendered is the same every time. Generated
    passwords are random and long: the salt keeps no secret, it only lets equal passwords look different.
    """
    salt = hashlib.sha256(f"salt\0{credentials.username}\0{credentials.password}".encode()).digest()[:4]
    return salted_hash(credentials.password, salt)


def salted_hash(password: str, salt: bytes) -> str:
    """The four bytes of salt and the SHA-256 of salt and password, base64."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _user(credentials: Credentials, tags: str) -> dict[str, Any]:
    return {
        "name": credentials.username,
        "password_hash": password_hash(credentials),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": tags,
        "limits": {},
    }


def _permission(credentials: Credentials, configure: str, write: str, read: str) -> dict[str, Any]:
    return {
        "user": credentials.username,
        "vhost": VIRTUAL_HOST,
        "configure": configure,
        "write": write,
        "read": read,
    }


def _exchange(name: str, kind: str) -> dict[str, Any]:
    return {
        "name": name,
        "vhost": VIRTUAL_HOST,
        "type": kind,
        "durable": True,
        "auto_delete": False,
        "internal": False,
        "arguments": {},
    }


def _queues(service: str, replicas: int) -> list[dict[str, Any]]:
    return [
        _queue(
            service, replicas, **_dead_letters_to(f"{service}.dead"), **{"x-delivery-limit": _DELIVERY_LIMIT}
        ),
        *(
            _queue(
                f"{service}.retry.{number}",
                replicas,
                **_dead_letters_to(service),
                **{"x-message-ttl": delay * 1000},
            )
            for number, delay in enumerate(RETRY_DELAYS_SECONDS, start=1)
        ),
        _queue(f"{service}.dead", replicas),
    ]


def _dead_letters_to(queue: str) -> dict[str, Any]:
    # The default exchange delivers to the queue that the routing key names.
    return {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue, **_LOSSLESS}


def _queue(name: str, replicas: int, **arguments: Any) -> dict[str, Any]:
    return {
        "name": name,
        "vhost": VIRTUAL_HOST,
        "durable": True,
        "auto_delete": False,
        "arguments": {
            "x-queue-type": "quorum",
            "x-quorum-initial-group-size": replicas,
            "x-queue-leader-locator": "balanced",
            **arguments,
        },
    }


def _retry_bindings(service: str) -> list[dict[str, Any]]:
    keys = {REPLAY_KEY: service} | {
        str(number): f"{service}.retry.{number}" for number in range(1, len(RETRY_DELAYS_SECONDS) + 1)
    }
    return [_binding(f"{service}.retry", key, queue) for key, queue in keys.items()]


def _subscriptions(service: str) -> list[dict[str, Any]]:
    return [_binding(EVENTS, event, service) for event in SUBSCRIPTIONS[service]]


def _binding(exchange: str, key: str, queue: str) -> dict[str, Any]:
    return {
        "source": exchange,
        "vhost": VIRTUAL_HOST,
        "destination": queue,
        "destination_type": "queue",
        "routing_key": key,
        "arguments": {},
    }
