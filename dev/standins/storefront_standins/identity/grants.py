"""What has been granted and is still open: sessions, authorization codes, refresh tokens. All in memory."""

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

from storefront_standins.identity.people import Person

CODE_SECONDS = 60.0
REFRESH_SECONDS = 12 * 3600.0


class RefusedError(Exception):
    """A code or refresh token that is unknown, used, over, or somebody else's (`invalid_grant`)."""


@dataclass(frozen=True)
class Grant:
    """A person's consent that a client may act for them."""

    person: Person
    client: str
    scope: str
    nonce: str | None = None


@dataclass(frozen=True)
class _Code:
    grant: Grant
    redirect_uri: str
    challenge: str
    ends: float


@dataclass(frozen=True)
class _Refresh:
    grant: Grant
    ends: float


class Grants:
    """Every open grant."""

    def __init__(self) -> None:
        self._sessions: dict[str, Person] = {}
        self._codes: dict[str, _Code] = {}
        self._refreshes: dict[str, _Refresh] = {}

    def open_session(self, person: Person) -> str:
        """A new browser session; returns the value of its cookie."""
        session = secrets.token_urlsafe(24)
        self._sessions[session] = person
        return session

    def person_of(self, session: str | None) -> Person | None:
        """Who is signed in with this cookie."""
        return self._sessions.get(session or "")

    def issue_code(self, grant: Grant, redirect_uri: str, challenge: str) -> str:
        """A code for one exchange, bound to the redirect address and to the PKCE challenge (S256)."""
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(grant, redirect_uri, challenge, time.monotonic() + CODE_SECONDS)
        return code

    def redeem_code(self, code: str, *, client: str, redirect_uri: str, verifier: str) -> Grant:
        """What a code stands for; whatever happens, it can't be used again.

        Raises:
            RefusedError: it is unknown, used or over, or something that it is bound to differs.
        """
        found = self._codes.pop(code, None)
        if found is None or found.ends < time.monotonic():
            raise RefusedError("The code is unknown, was used, or is over.")
        if (found.grant.client, found.redirect_uri) != (client, redirect_uri):
            raise RefusedError("The code was issued for another client_id or redirect_uri.")
        if not hmac.compare_digest(challenge_of(verifier), found.challenge):
            raise RefusedError("The code_verifier does not fit the code_challenge.")
        return found.grant

    def issue_refresh(self, grant: Grant) -> str:
        """A refresh token for one use."""
        token = secrets.token_urlsafe(32)
        self._refreshes[token] = _Refresh(grant, time.monotonic() + REFRESH_SECONDS)
        return token

    def redeem_refresh(self, token: str, *, client: str) -> Grant:
        """What a refresh token stands for; it can't be used again.

        Raises:
            RefusedError: it is unknown, used, over, or another client's.
        """
        found = self._refreshes.pop(token, None)
        if found is None or found.ends < time.monotonic() or found.grant.client != client:
            raise RefusedError("The refresh token is unknown, was used, or is over.")
        return found.grant

    def end(self, session: str | None, subject: str | None) -> None:
        """Sign out: the session of this cookie, and every grant of the person behind it or of this subject."""
        person = self._sessions.pop(session or "", None)
        gone = {subject, person.sub if person else None}
        self._sessions = {key: each for key, each in self._sessions.items() if each.sub not in gone}
        self._refreshes = {
            key: each for key, each in self._refreshes.items() if each.grant.person.sub not in gone
        }


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
