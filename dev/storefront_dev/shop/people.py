"""Who buys, and the tokens that prove it."""

import time
from dataclasses import dataclass

import httpx2

from storefront_dev.shop.http import ask

_SECONDS = 900
_RENEWED_BEFORE = 60


@dataclass(frozen=True)
class Person:
    """Somebody whom the identity provider knows."""

    email: str
    name: str
    roles: tuple[str, ...] = ()


ADMIN = Person("grace@example.com", "Grace Admin", ("admin",))


class Tokens:
    """Access tokens from the identity stand-in, which asks for no password."""

    def __init__(self, http: httpx2.AsyncClient, identity_url: str) -> None:
        self._http = http
        self._url = identity_url
        self._tokens: dict[Person, tuple[str, float]] = {}

    async def headers(self, person: Person) -> dict[str, str]:
        """The headers of a request in a person's name."""
        token, until = self._tokens.get(person, ("", 0.0))
        if time.monotonic() > until:
            wanted = {
                "email": person.email,
                "name": person.name,
                "roles": list(person.roles),
                "expiresIn": _SECONDS,
            }
            answer = await ask(self._http, "POST", f"{self._url}/test/token", json=wanted)
            token = answer.json()["accessToken"]
            self._tokens[person] = (token, time.monotonic() + _SECONDS - _RENEWED_BEFORE)
        return {"Authorization": f"Bearer {token}"}
