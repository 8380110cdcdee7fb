"""Who asks is believed only from the gateway, whatever else is sent."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from storefront_common import problems
from storefront_common.identity import (
    Admin,
    Identity,
    MaybeIdentity,
    SignedIn,
    UnauthenticatedError,
    install_identity,
    parse_claims,
)
from storefront_common.settings import GatewaySettings

CLAIMS = {"sub": "u-1", "email": "ann@example.com", "email_verified": True, "name": "Ann", "roles": ["staff"]}
CREDENTIAL = ("x-storefront-gateway", "kappa")


def claims(**changes: Any) -> tuple[str, str]:
    """The claims header, without padding as JWTs have it."""
    document = json.dumps({**CLAIMS, **changes}).encode()
    return "x-storefront-claims", base64.urlsafe_b64encode(document).rstrip(b"=").decode()


def application(settings: GatewaySettings) -> FastAPI:
    app = FastAPI()
    problems.install(app)
    install_identity(app, settings)

    @app.get("/maybe")
    async def maybe(identity: MaybeIdentity) -> str | None:
        return identity and identity.subject

    @app.get("/signed-in")
    async def signed_in(identity: SignedIn) -> str:
        return identity.subject

    @app.get("/admin")
    async def admin(identity: Admin) -> str:
        return identity.subject

    @app.get("/open")
    async def anyone() -> str:
        return "open"

    return app


@pytest.fixture
def settings(tmp_path: Path) -> GatewaySettings:
    """Two credentials, as while one is exchanged for the other."""
    file = tmp_path / "credential"
    file.write_text("kappa\nomega\n", encoding="utf-8")
    return GatewaySettings(credential_file=file)


@pytest_asyncio.fixture
async def api(settings: GatewaySettings) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(application(settings))
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


def is_problem(answer: httpx2.Response, status: int) -> bool:
    """Whether it is a problem document of that status that tells nothing about the inside."""
    document = answer.json()
    inside = ("Traceback", "pydantic", "base64", "credential", "kappa", "omega")
    return (
        answer.status_code == document["status"] == status
        and answer.headers["content-type"] == "application/problem+json"
        and not any(word in answer.text for word in inside)
    )


def test_claims_tell_who_asks() -> None:
    assert parse_claims(claims()[1]) == Identity(
        subject="u-1", email="ann@example.com", email_verified=True, name="Ann", roles=frozenset({"staff"})
    )
    least = base64.urlsafe_b64encode(b'{"sub": "x", "iss": "anybody", "email": ""}').decode()
    assert parse_claims(least) == Identity("x", None, False, None, frozenset())


@pytest.mark.parametrize("credential", ["kappa", "omega"])
async def test_every_valid_credential_is_believed(api: httpx2.AsyncClient, credential: str) -> None:
    answer = await api.get("/signed-in", headers=[claims(), ("x-storefront-gateway", credential)])
    assert (answer.status_code, answer.json()) == (200, "u-1")


async def test_nobody_is_nobody(api: httpx2.AsyncClient) -> None:
    for headers in ([], [CREDENTIAL]):
        assert (await api.get("/maybe", headers=headers)).json() is None
        refused = await api.get("/signed-in", headers=headers)
        assert is_problem(refused, 401)
        assert refused.headers["www-authenticate"] == "Bearer"
        assert is_problem(await api.get("/admin", headers=headers), 401)


@pytest.mark.parametrize(
    "headers",
    [
        [claims()],
        [claims(), ("x-storefront-gateway", "")],
        [claims(), ("x-storefront-gateway", "kappa omega")],
        [claims(), ("x-storefront-gateway", "kapp")],
        [claims(), ("x-storefront-gateway", "kappa"), ("x-storefront-gateway", "kappa")],
        [claims(), ("x-storefront-gateway", "\xff")],
        [claims(sub="mallory"), claims(), CREDENTIAL],
        [claims(), claims(), CREDENTIAL],
    ],
    ids=[
        "no credential",
        "empty",
        "both",
        "part",
        "twice",
        "not ASCII",
        "two claims",
        "the same claims twice",
    ],
)
@pytest.mark.parametrize("path", ["/maybe", "/signed-in", "/admin"])
async def test_claims_that_are_not_certainly_the_gateway_s_are_refused(
    api: httpx2.AsyncClient, headers: list[tuple[str, str]], path: str
) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    assert is_problem(await api.get(path, headers=raw), 401)
    # What is for everybody does not look at claims.
    assert (await api.get("/open", headers=raw)).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "=",
        "!",
        "e30",
        "W10",
        "bnVsbA",
        "-",
        "é",
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        base64.urlsafe_b64encode(b"[" * 5000).decode(),
        base64.urlsafe_b64encode(b'{"sub": "u", "sub": ').decode(),
        claims(sub=None)[1],
        claims(sub="")[1],
        claims(sub=7)[1],
        claims(sub="a b")[1],
        claims(sub="x" * 256)[1],
        claims(roles="admin")[1],
        claims(roles=["x"] * 101)[1],
        claims(roles=[{"admin": True}])[1],
        claims(email="nobody")[1],
        claims(name="a\nb")[1],
        claims(junk="x" * 9000)[1],
    ],
)
async def test_claims_that_cannot_be_read_are_refused(api: httpx2.AsyncClient, header: str) -> None:
    headers = [(b"x-storefront-claims", header.encode("latin-1")), (b"x-storefront-gateway", b"kappa")]
    assert is_problem(await api.get("/maybe", headers=headers), 401)


@given(
    st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda raw: base64.b64encode(raw).decode()))
)
def test_any_header_is_an_identity_or_refused(header: str) -> None:
    try:
        identity = parse_claims(header)
    except UnauthenticatedError:
        return
    assert identity.subject


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=255),
    st.lists(st.text(max_size=100), max_size=100),
)
def test_what_the_gateway_says_is_what_is_read(subject: str, roles: list[str]) -> None:
    try:
        identity = parse_claims(claims(sub=subject, roles=roles)[1])
    except UnauthenticatedError:
        # Only because it is too long for a header.
        assert len(claims(sub=subject, roles=roles)[1]) > 8192
    else:
        assert (identity.subject, identity.roles) == (subject, frozenset(roles))


async def test_administrators_have_the_role(api: httpx2.AsyncClient) -> None:
    assert is_problem(await api.get("/admin", headers=[claims(), CREDENTIAL]), 403)
    assert is_problem(await api.get("/admin", headers=[claims(roles=["Admin"]), CREDENTIAL]), 403)
    answer = await api.get("/admin", headers=[claims(roles=["staff", "admin"]), CREDENTIAL])
    assert answer.json() == "u-1"


async def test_an_exchanged_credential_needs_no_restart(
    api: httpx2.AsyncClient, settings: GatewaySettings
) -> None:
    headers = [claims(), CREDENTIAL]
    assert (await api.get("/signed-in", headers=headers)).status_code == 200
    settings.credential_file.write_text("omega third", encoding="utf-8")
    assert is_problem(await api.get("/signed-in", headers=headers), 401)


async def test_without_the_credential_s_file_nobody_is_believed(
    api: httpx2.AsyncClient, settings: GatewaySettings
) -> None:
    settings.credential_file.write_text(" ", encoding="utf-8")
    assert is_problem(await api.get("/maybe", headers=[claims(), ("x-storefront-gateway", "")]), 503)
    settings.credential_file.unlink()
    assert is_problem(await api.get("/signed-in", headers=[claims(), CREDENTIAL]), 503)
    assert (await api.get("/maybe")).json() is None


async def test_the_openapi_document_tells_who_may(api: httpx2.AsyncClient) -> None:
    document = (await api.get("/openapi.json")).json()
    both: dict[str, list[str]] = {"gatewayClaims": [], "gatewayCredential": []}
    security = {path: item["get"].get("security") for path, item in document["paths"].items()}
    assert security == {"/maybe": [{}, both], "/signed-in": [both], "/admin": [both], "/open": None}
    schemes = document["components"]["securitySchemes"]
    assert {(name, scheme["name"]) for name, scheme in schemes.items()} == {
        ("gatewayClaims", "x-storefront-claims"),
        ("gatewayCredential", "x-storefront-gateway"),
    }
    for item in document["paths"].values():
        problem = item["get"]["responses"]["default"]["content"]["application/problem+json"]
        assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
