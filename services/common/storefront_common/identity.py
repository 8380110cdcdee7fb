"""Who asks: the claims that the API gateway has verified, believed only together with the gateway's credential.

The gateway checks the token's signature and passes its payload on; it proves itself with a credential of its own. So
a client that reaches a service past the gateway, or through a gateway that fails to remove the header, is nobody.
"""

import base64
import binascii
import hmac
from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.security.base import SecurityBase
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from storefront_common import openapi
from storefront_common.problems import Problem
from storefront_common.schemas import EMPTY_IS_ABSENT
from storefront_common.settings import GatewaySettings, SecretUnreadableError

logger = structlog.stdlib.get_logger(__name__)

CLAIMS_HEADER = "x-storefront-claims"
CREDENTIAL_HEADER = "x-storefront-gateway"
ADMIN = "admin"
"""The role of those who run the shop."""

_LONGEST = 8192


@dataclass(frozen=True, slots=True)
class Identity:
    """A person whom the identity provider knows."""

    subject: str
    """Never changes and is never given to another person."""
    email: str | None
    email_verified: bool
    name: str | None
    roles: frozenset[str]

    @property
    def is_admin(self) -> bool:
        """Whether this person runs the shop."""
        return ADMIN in self.roles


class _Claims(BaseModel):
    """What we use of a token's payload (OpenID Connect Core 1.0, section 5.1); the rest is none of our business."""

    model_config = ConfigDict(extra="ignore")

    sub: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[!-~]+$")]
    email: Annotated[
        Annotated[str, Field(max_length=320, pattern=r"^[^\x00-\x20\x7f]+@[^\x00-\x20\x7f]+$")] | None,
        EMPTY_IS_ABSENT,
    ] = None
    email_verified: bool = False
    name: Annotated[
        Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] | None,
        EMPTY_IS_ABSENT,
    ] = None
    roles: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=100)] = []


class UnauthenticatedError(Problem):
    """It takes to be signed in, or what says who asks cannot be believed (401)."""

    def __init__(self, detail: str) -> None:
        super().__init__(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})


_SCHEMES: dict[str, openapi.Document] = {
    "gatewayClaims": {
        "type": "apiKey",
        "in": "header",
        "name": CLAIMS_HEADER,
        "description": "Who asks: `sub`, `email`, `email_verified`, `name` and `roles` of a verified token, as "
        "base64url of JSON. Clients send a bearer token to the API gateway, which sets this.",
    },
    "gatewayCredential": {
        "type": "apiKey",
        "in": "header",
        "name": CREDENTIAL_HEADER,
        "description": "Proves that the API gateway set the claims.",
    },
}
_SIGNED_IN: openapi.Document = {name: [] for name in _SCHEMES}


class _Reader(SecurityBase):
    """Reads who asks. It is a security scheme, so that FastAPI notes which operations depend on it."""

    def __init__(self, scheme_name: str) -> None:
        self.scheme_name = scheme_name
        self.model = APIKey(**{"in": APIKeyIn.header}, name=CLAIMS_HEADER)

    async def __call__(self, request: Request) -> Identity | None:
        """Who asks; None when nobody says so."""
        claims = request.headers.getlist(CLAIMS_HEADER)
        if not claims:
            return None
        settings: GatewaySettings = request.app.state.gateway_settings
        credentials = request.headers.getlist(CREDENTIAL_HEADER)
        # Of several headers of a name, different programs would believe different ones.
        if len(claims) > 1 or len(credentials) != 1 or not _is_valid(credentials[0], settings):
            raise UnauthenticatedError(
                "The claims do not come from the API gateway. Send a bearer token to it."
            )
        return parse_claims(claims[0])


_maybe_identity = _Reader("maybeIdentity")
_identity = _Reader("identity")


def install_identity(app: FastAPI, settings: GatewaySettings) -> None:
    """Let endpoints of `app` ask for `MaybeIdentity`, `SignedIn` and `Admin`."""
    app.state.gateway_settings = settings
    openapi.extend(app, _describe)


def _describe(document: openapi.Document) -> None:
    """Say what FastAPI cannot: that both headers belong together, and that some operations do without."""
    for name, scheme in _SCHEMES.items():
        openapi.component(document, "securitySchemes", name, scheme)
    for reader in (_identity, _maybe_identity):
        document["components"]["securitySchemes"].pop(reader.scheme_name, None)
    for operation in openapi.operations(document):
        asked = {name for alternative in operation.get("security", ()) for name in alternative}
        if _identity.scheme_name in asked:
            operation["security"] = [_SIGNED_IN]
        elif _maybe_identity.scheme_name in asked:
            operation["security"] = [{}, _SIGNED_IN]


def parse_claims(header: str) -> Identity:
    """The identity that a claims header tells.

    Raises:
        UnauthenticatedError: it tells none; the answer does not say why, the log does.
    """
    try:
        if len(header) > _LONGEST:
            raise ValueError(f"longer than {_LONGEST} characters")
        padded = header.rstrip("=") + "=" * (-len(header.rstrip("=")) % 4)
        claims = _Claims.model_validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        # A validation error's text would hold the claims.
        reason = f"{error.error_count()} wrong claims" if isinstance(error, ValidationError) else str(error)
        logger.warning("claims refused", reason=reason)
        raise UnauthenticatedError("The claims cannot be read. Sign in again.") from None
    return Identity(
        subject=claims.sub,
        email=claims.email,
        email_verified=claims.email_verified,
        name=claims.name,
        roles=frozenset(claims.roles),
    )


def _is_valid(credential: str, settings: GatewaySettings) -> bool:
    given = credential.encode("latin-1", "replace")
    try:
        known = settings.credentials()
    except SecretUnreadableError as error:
        logger.error("no gateway can be believed", reason=str(error))
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "Who asks cannot be checked right now. Try again in a moment.",
            headers={"Retry-After": "5"},
        ) from None
    # Every credential is compared, and each in constant time: how long it takes says nothing.
    matches = [hmac.compare_digest(given, each.encode()) for each in known]
    return any(matches)


async def _signed_in(identity: Annotated[Identity | None, Depends(_identity)]) -> Identity:
    if identity is None:
        raise UnauthenticatedError("Sign in first.")
    return identity


async def _admin(identity: Annotated[Identity, Depends(_signed_in)]) -> Identity:
    if not identity.is_admin:
        raise Problem(HTTPStatus.FORBIDDEN, "It takes the role of an administrator.")
    return identity


MaybeIdentity = Annotated[Identity | None, Depends(_maybe_identity)]
"""Who asks; None for somebody who is not signed in."""
SignedIn = Annotated[Identity, Depends(_signed_in)]
"""Who asks; 401 for somebody who is not signed in."""
Admin = Annotated[Identity, Depends(_admin)]
"""The administrator who asks; 401 for somebody who is not signed in, 403 for everybody else."""
