"""What an application asks for when it sends a browser to the sign-in page (OpenID Connect Core, 3.1.2.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit


class UnusableRequestError(Exception):
    """It cannot even be answered: nobody knows where to. Shown to the person."""


class RefusedRequestError(Exception):
    """It is answered with an error at its redirect address, `location`."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


@dataclass(frozen=True)
class AuthorizationRequest:
    """A checked request."""

    client: str
    redirect_uri: str
    scope: str
    state: str | None
    nonce: str | None
    challenge: str
    prompt: str
    login_hint: str

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> "AuthorizationRequest":
        """The request of a query string. Any client may ask, and be answered at any address: it is a stand-in.

        Raises:
            UnusableRequestError: client_id or redirect_uri is missing or none.
            RefusedRequestError: anything else is missing or not supported.
        """
        client, redirect_uri = query.get("client_id", ""), query.get("redirect_uri", "")
        if not client:
            raise UnusableRequestError("client_id is missing.")
        target = urlsplit(redirect_uri)
        if target.scheme not in ("http", "https") or not target.hostname or target.fragment:
            raise UnusableRequestError("redirect_uri must be an absolute http(s) address without a fragment.")

        def refuse(error: str, description: str) -> RefusedRequestError:
            answer = {"error": error, "error_description": description}
            return RefusedRequestError(with_query(redirect_uri, {**answer, "state": query.get("state")}))

        if query.get("response_type") != "code":
            raise refuse("unsupported_response_type", "response_type must be code")
        scope = query.get("scope", "")
        if "openid" not in scope.split():
            raise refuse("invalid_scope", "scope must contain openid")
        if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            raise refuse(
                "invalid_request", "PKCE is required: code_challenge with code_challenge_method S256"
            )
        return cls(
            client=client,
            redirect_uri=redirect_uri,
            scope=scope,
            state=query.get("state"),
            nonce=query.get("nonce"),
            challenge=query["code_challenge"],
            prompt=query.get("prompt", ""),
            login_hint=query.get("login_hint", ""),
        )

    def answer(self, **parameters: str) -> str:
        """The redirect address with an answer."""
        return with_query(self.redirect_uri, {**parameters, "state": self.state})


def with_query(address: str, parameters: Mapping[str, str | None]) -> str:
    """The address with these parameters, less those that are None."""
    given = urlencode({name: value for name, value in parameters.items() if value is not None})
    if not given:
        return address
    return f"{address}{'&' if urlsplit(address).query else '?'}{given}"
