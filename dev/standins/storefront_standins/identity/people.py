"""The people who can sign in: some that are offered, and anybody who is typed in."""

import uuid
from dataclasses import dataclass

_NAMESPACE = uuid.UUID("5d0f6f2e-8d1c-4a57-9d0a-6f1f4d8c2b11")

ROLES = ("admin", "support")
"""The roles that the sign-in page offers; a customer has none."""


@dataclass(frozen=True)
class Person:
    """Who signs in."""

    sub: str
    email: str
    name: str
    roles: tuple[str, ...] = ()


def subject_of(email: str) -> str:
    """The subject of whoever has this address: the same at every sign-in and after a restart."""
    return str(uuid.uuid5(_NAMESPACE, email.strip().lower()))


def person(email: str, name: str = "", roles: tuple[str, ...] = ()) -> Person:
    """The person of an address; without a name, called after it."""
    email = email.strip()
    return Person(subject_of(email), email, name.strip() or email.partition("@")[0], roles)


TEST_PEOPLE = (
    person("ada@example.com", "Ada Lindgren"),
    person("ben@example.com", "Ben Okafor"),
    person("chiara@example.com", "Chiara Rossi"),
    person("grace@example.com", "Grace Admin", ("admin",)),
)
