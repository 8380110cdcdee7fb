"""OpenID Connect over HTTP."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Cookie, Form, Header, Request
from pydantic import Field
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from storefront_standins.identity.authorization import (
    AuthorizationRequest,
    RefusedRequestError,
    UnusableRequestError,
    with_query,
)
from storefront_standins.identity.grants import Grant, Grants, RefusedError
from storefront_standins.identity.people import ROLES, TEST_PEOPLE, Person, person, subject_of
from storefront_standins.identity.signing import InvalidTokenError, SigningKey
from storefront_standins.identity.tokens import ACCESS_SECONDS, AUDIENCE, Tokens
from storefront_standins.pages import page
from storefront_standins.schemas import Model

_COOKIE = "standin_session"
Session = Annotated[str | None, Cookie(alias=_COOKIE)]


class TestTokenRequest(Model):
    """Whom a token is wanted for; `sub` defaults to the one that the address has at the sign-in page."""

    # Not a test, whatever pytest thinks of the name.
    __test__ = False

    sub: str | None = Field(default=None, min_length=1)
    email: str = Field(default="ada@example.com", min_length=3)
    name: str = ""
    roles: list[str] = []
    expires_in: int = Field(default=ACCESS_SECONDS, ge=-86_400, le=86_400)
    """Seconds; negative: the token is over already."""


class TestToken(Model):
    """An access token."""

    __test__ = False

    access_token: str
    expires_in: int
    sub: str


def router(key: SigningKey, configured_issuer: str | None) -> APIRouter:
    """The endpoints of an issuer; without a configured one, each request's own address is the issuer."""
    router = APIRouter()
    grants = Grants()
    tokens = Tokens(key)

    def issuer_for(request: Request) -> str:
        return configured_issuer or str(request.base_url).rstrip("/")

    @router.get("/.well-known/openid-configuration")
    async def discovery(request: Request) -> dict[str, Any]:
        """Describe this provider (OpenID Connect Discovery)."""
        issuer = issuer_for(request)
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "end_session_endpoint": f"{issuer}/logout",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "claims_supported": ["sub", "email", "email_verified", "name", "roles"],
            "prompt_values_supported": ["none", "login"],
            "authorization_response_iss_parameter_supported": True,
        }

    @router.get("/.well-known/jwks.json")
    async def jwks() -> dict[str, Any]:
        """The keys that tokens are signed with."""
        return key.jwks()

    @router.get("/", response_class=HTMLResponse)
    async def index(request: Request) -> Response:
        """A page that says what this is."""
        return page("identity.html", issuer=issuer_for(request), audience=AUDIENCE, people=TEST_PEOPLE)

    @router.get("/authorize", response_class=HTMLResponse)
    async def sign_in_page(request: Request, standin_session: Session = None) -> Response:
        """Ask who wants to sign in; who is signed in already is sent back at once, unless prompt=login."""
        try:
            asked = AuthorizationRequest.parse(request.query_params)
        except UnusableRequestError as error:
            return _unusable(error)
        except RefusedRequestError as error:
            return RedirectResponse(error.location, HTTPStatus.SEE_OTHER)
        known = grants.person_of(standin_session)
        if known is not None and asked.prompt != "login":
            return _signed_in(asked, known, issuer_for(request))
        if asked.prompt == "none":
            return RedirectResponse(asked.answer(error="login_required"), HTTPStatus.SEE_OTHER)
        return _sign_in_page(request, asked)

    @router.post("/authorize", response_class=HTMLResponse)
    async def sign_in(
        request: Request,
        chosen: Annotated[str, Form()] = "",
        email: Annotated[str, Form()] = "",
        name: Annotated[str, Form()] = "",
        roles: Annotated[list[str] | None, Form()] = None,
    ) -> Response:
        """Sign the chosen test person in, or the one that was typed."""
        try:
            asked = AuthorizationRequest.parse(request.query_params)
        except UnusableRequestError as error:
            return _unusable(error)
        except RefusedRequestError as error:
            return RedirectResponse(error.location, HTTPStatus.SEE_OTHER)
        who = next((each for each in TEST_PEOPLE if each.sub == chosen), None)
        if who is None:
            if "@" not in email.strip()[1:-1]:
                return _sign_in_page(request, asked, email=email, name=name, complaint=True)
            who = person(email, name, tuple(roles or ()))
        response = _signed_in(asked, who, issuer_for(request))
        response.set_cookie(_COOKIE, grants.open_session(who), httponly=True, samesite="lax")
        return response

    def _signed_in(asked: AuthorizationRequest, who: Person, issuer: str) -> Response:
        grant = Grant(who, asked.client, asked.scope, asked.nonce)
        code = grants.issue_code(grant, asked.redirect_uri, asked.challenge)
        return RedirectResponse(asked.answer(code=code, iss=issuer), HTTPStatus.SEE_OTHER)

    @router.post("/token")
    async def token(
        request: Request,
        grant_type: Annotated[str, Form()] = "",
        client_id: Annotated[str, Form()] = "",
        code: Annotated[str, Form()] = "",
        redirect_uri: Annotated[str, Form()] = "",
        code_verifier: Annotated[str, Form()] = "",
        refresh_token: Annotated[str, Form()] = "",
    ) -> Response:
        """Exchange a code or a refresh token for tokens (RFC 6749, RFC 7636)."""
        try:
            if grant_type == "authorization_code":
                grant = grants.redeem_code(
                    code, client=client_id, redirect_uri=redirect_uri, verifier=code_verifier
                )
            elif grant_type == "refresh_token":
                grant = grants.redeem_refresh(refresh_token, client=client_id)
            else:
                return _oauth_error("unsupported_grant_type", f"grant_type {grant_type!r} is not supported")
        except RefusedError as error:
            return _oauth_error("invalid_grant", str(error))
        issuer = issuer_for(request)
        answer = {
            "access_token": tokens.access(issuer, grant.person, client=grant.client),
            "token_type": "Bearer",
            "expires_in": ACCESS_SECONDS,
            "refresh_token": grants.issue_refresh(grant),
            "id_token": tokens.identity(issuer, grant.person, grant.client, grant.nonce),
            "scope": grant.scope,
        }
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    @router.get("/userinfo")
    async def userinfo(request: Request, authorization: Annotated[str, Header()] = "") -> Response:
        """Who an access token is about."""
        scheme, _, given = authorization.partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise InvalidTokenError("no bearer token")
            claims = tokens.claims(issuer_for(request), given)
        except InvalidTokenError:
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return JSONResponse({"error": "invalid_token"}, HTTPStatus.UNAUTHORIZED, headers=challenge)
        names = ("sub", "email", "email_verified", "name", "roles")
        return JSONResponse({each: claims[each] for each in names})

    @router.get("/logout", response_class=HTMLResponse)
    async def end_session(
        request: Request,
        id_token_hint: str = "",
        post_logout_redirect_uri: str = "",
        state: str | None = None,
        standin_session: Session = None,
    ) -> Response:
        """Sign out, then go back where the application says (OpenID Connect RP-Initiated Logout)."""
        grants.end(standin_session, tokens.subject_of_hint(id_token_hint))
        if post_logout_redirect_uri.startswith(("http://", "https://")):
            answer = with_query(post_logout_redirect_uri, {"state": state})
            response: Response = RedirectResponse(answer, HTTPStatus.SEE_OTHER)
        else:
            response = page("message.html", title="Signed out", text="You can close this page.")
        response.delete_cookie(_COOKIE)
        return response

    @router.post("/test/token")
    async def test_token(request: Request, wanted: TestTokenRequest) -> TestToken:
        """Give a script an access token without any sign-in."""
        who = Person(
            wanted.sub or subject_of(wanted.email),
            wanted.email,
            wanted.name or wanted.email.partition("@")[0],
            tuple(wanted.roles),
        )
        token = tokens.access(issuer_for(request), who, wanted.expires_in)
        return TestToken(access_token=token, expires_in=wanted.expires_in, sub=who.sub)

    return router


def _sign_in_page(
    request: Request, asked: AuthorizationRequest, *, email: str = "", name: str = "", complaint: bool = False
) -> Response:
    return page(
        "sign_in.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if complaint else HTTPStatus.OK,
        action=f"authorize?{request.url.query}",
        client=asked.client,
        people=TEST_PEOPLE,
        roles=ROLES,
        email=email or asked.login_hint,
        name=name,
        complaint=complaint,
    )


def _unusable(error: UnusableRequestError) -> Response:
    return page(
        "message.html", HTTPStatus.BAD_REQUEST, title="This sign-in link does not work", text=str(error)
    )


def _oauth_error(error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, HTTPStatus.BAD_REQUEST)
