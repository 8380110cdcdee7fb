"""The tokens that are handed out."""

import secrets
import time
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError

from storefront_standins.identity.people import Person
from storefront_standins.identity.signing import InvalidTokenError, SigningKey

AUDIENCE = "storefront"
"""Whom access tokens are for: the shop's API."""
ACCESS_SECONDS = 15 * 60


class Tokens:
    """Issues and checks JSON Web Tokens."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def access(
        self, issuer: str, person: Person, expires_in: int = ACCESS_SECONDS, client: str = "test"
    ) -> str:
        """An access token for the shop's API; `expires_in` is in seconds, negative for one that is over."""
        return self._key.sign(
            {
                **_times(expires_in),
                **_claims_about(person),
                "iss": issuer,
                "aud": AUDIENCE,
                "client_id": client,
                "jti": secrets.token_urlsafe(12),
            }
        )

    def identity(self, issuer: str, person: Person, client: str, nonce: str | None) -> str:
        """An ID token for the application that asked for the sign-in."""
        claims = {**_times(ACCESS_SECONDS), **_claims_about(person), "iss": issuer, "aud": client}
        return self._key.sign(claims if nonce is None else {**claims, "nonce": nonce})

    def claims(self, issuer: str, access_token: str) -> dict[str, Any]:
        """What an access token says.

        Raises:
            InvalidTokenError: it is none of ours, or over.
        """
        claims = self._key.read(access_token)
        expected = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
        )
        try:
            expected.validate(claims)
        except JoseError as error:
            raise InvalidTokenError(str(error)) from error
        return claims

    def subject_of_hint(self, id_token: str) -> str | None:
        """Whom an ID token is about, even one that is over; None for anything else."""
        try:
            return str(self._key.read(id_token)["sub"])
        except InvalidTokenError:
            return None


def _claims_about(person: Person) -> dict[str, Any]:
    # What the shop reads.
    return {
        "sub": person.sub,
        "email": person.email,
        "email_verified": True,
        "name": person.name,
        "roles": list(person.roles),
    }


def _times(expires_in: int) -> dict[str, int]:
    now = int(time.time())
    # One that is over was valid once: issued before it ended.
    return {"iat": min(now, now + expires_in - 1), "exp": now + expires_in}
