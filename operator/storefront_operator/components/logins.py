"""The logins that a generated Secret holds: the current one, and during a rotation the next or the former one."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import NamedTuple

CURRENT, NEXT, FORMER = "", "next-", "former-"
"""Prefixes of the keys `username` and `password`."""

SLOTS = {"current": CURRENT, "next": NEXT, "former": FORMER}


class Login(NamedTuple):
    """A user and its password."""

    username: str
    password: str

    def encoded(self) -> dict[str, str]:
        """As the data of a Secret."""
        return {name: base64.b64encode(value.encode()).decode() for name, value in self._asdict().items()}


def logins_of(data: Mapping[str, str] | None) -> dict[str, Login]:
    """Every login that the store has to accept, by slot, from the base64 values of a generated Secret."""
    found = {}
    for slot, prefix in SLOTS.items():
        keys = (f"{prefix}username", f"{prefix}password")
        if data and all(key in data for key in keys):
            found[slot] = Login(*(base64.b64decode(data[key]).decode() for key in keys))
    return found


def second_user(first: str) -> str:
    """The user that alternates with the one a service begins with."""
    return f"{first}-b"


def used_logins(data: Mapping[str, str] | None) -> dict[str, Login]:
    """The logins that consumers may be using: new pods the current one, old pods the former one."""
    return {slot: login for slot, login in logins_of(data).items() if slot != "next"}
