"""The identity provider without passwords."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from tests.services.standin_process import StandInProcess

STANDIN = "identity"

VERIFIER = "a-verifier-that-is-at-least-43-characters-long-1234"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
BACK = "http://shop.example/back"
REQUEST = {
    "response_type": "code",
    "client_id": "web-customer",
    "redirect_uri": BACK,
    "scope": "openid profile email",
    "state": "a state",
    "nonce": "n1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
ADA = {"email": "ada@example.com", "name": "Ada"}


def _claims(client: httpx2.Client, token: str) -> dict[str, Any]:
    keys = KeySet.import_key_set(client.get("/.well-known/jwks.json").json())
    return dict(jwt.decode(token, keys).claims)


def _answer(response: httpx2.Response) -> dict[str, str]:
    """The parameters with which the browser is sent back."""
    assert response.status_code == 303
    location = response.headers["location"]
    assert location.startswith(BACK + "?")
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def _sign_in(client: httpx2.Client, **form: Any) -> dict[str, str]:
    return _answer(client.post("/authorize", params=REQUEST, data=form or ADA))


def _exchange(client: httpx2.Client, code: str, **changes: str) -> httpx2.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": "web-customer",
        "redirect_uri": BACK,
        "code": code,
        "code_verifier": VERIFIER,
    }
    return client.post("/token", data={**form, **changes})


def test_describes_itself(standin: StandInProcess, client: httpx2.Client) -> None:
    document = client.get("/.well-known/openid-configuration").json()
    assert document["issuer"] == standin.url
    assert document["code_challenge_methods_supported"] == ["S256"]
    for endpoint in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"):
        assert document[endpoint].startswith(standin.url + "/")
    assert client.get(document["jwks_uri"]).json()["keys"][0].keys() >= {"kid", "n", "e", "alg"}


def test_publishes_no_private_key(client: httpx2.Client) -> None:
    assert not client.get("/.well-known/jwks.json").json()["keys"][0].keys() & {
        "d",
        "p",
        "q",
        "dp",
        "dq",
        "qi",
    }


def test_signs_a_person_in(standin: StandInProcess, client: httpx2.Client) -> None:
    page = client.get("/authorize", params=REQUEST)
    assert page.status_code == 200
    assert "Ada Lindgren" in page.text
    answer = _sign_in(client, email="dora@example.com", name="Dora", roles=["admin"])
    assert answer["state"] == "a state"
    assert answer["iss"] == standin.url

    tokens = _exchange(client, answer["code"]).json()

    access, identity = _claims(client, tokens["access_token"]), _claims(client, tokens["id_token"])
    expected = {"email": "dora@example.com", "email_verified": True, "name": "Dora", "roles": ["admin"]}
    assert expected.items() <= access.items()
    assert expected.items() <= identity.items()
    assert (access["iss"], access["aud"]) == (standin.url, "storefront")
    assert (identity["aud"], identity["nonce"]) == ("web-customer", "n1")
    assert access["exp"] - access["iat"] == tokens["expires_in"]
    user = client.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}).json()
    assert user == {**expected, "sub": access["sub"]}


def test_a_test_person_is_chosen_with_one_click(client: httpx2.Client) -> None:
    page = client.get("/authorize", params={**REQUEST, "prompt": "login"}).text
    subject = page.split('name="chosen" value="')[1].split('"')[0]
    tokens = _exchange(client, _sign_in(client, chosen=subject)["code"]).json()
    assert _claims(client, tokens["access_token"])["sub"] == subject


def test_a_person_is_the_same_at_every_sign_in(client: httpx2.Client) -> None:
    subjects = set()
    for spelling in ("eve@example.com", "Eve@Example.com"):
        tokens = _exchange(client, _sign_in(client, email=spelling)["code"]).json()
        subjects.add(_claims(client, tokens["access_token"])["sub"])
    assert len(subjects) == 1


def test_asks_again_for_what_is_no_address(client: httpx2.Client) -> None:
    response = client.post("/authorize", params=REQUEST, data={"email": "<nobody>"})
    assert response.status_code == 422
    assert "Enter an email address" in response.text
    assert "&lt;nobody&gt;" in response.text


def test_a_code_is_good_once(client: httpx2.Client) -> None:
    code = _sign_in(client)["code"]
    assert _exchange(client, code).status_code == 200
    assert _exchange(client, code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": VERIFIER + "x"},
        {"client_id": "another"},
        {"redirect_uri": "http://shop.example/elsewhere"},
    ],
)
def test_a_code_is_bound_to_who_asked_for_it(client: httpx2.Client, change: dict[str, str]) -> None:
    response = _exchange(client, _sign_in(client)["code"], **change)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "email"}, "invalid_scope"),
    ],
)
def test_sends_a_bad_request_back(client: httpx2.Client, change: dict[str, str], error: str) -> None:
    answer = _answer(client.get("/authorize", params={**REQUEST, **change}))
    assert (answer["error"], answer["state"]) == (error, "a state")


@pytest.mark.parametrize("address", ["", "javascript:alert(1)", "/back", "http://shop.example/#x"])
def test_redirects_to_no_bad_address(client: httpx2.Client, address: str) -> None:
    assert client.get("/authorize", params={**REQUEST, "redirect_uri": address}).status_code == 400


def test_a_refresh_token_is_good_once(client: httpx2.Client) -> None:
    tokens = _exchange(client, _sign_in(client)["code"]).json()
    form = {
        "grant_type": "refresh_token",
        "client_id": "web-customer",
        "refresh_token": tokens["refresh_token"],
    }
    renewed = client.post("/token", data=form)
    assert _claims(client, renewed.json()["access_token"])["email"] == "ada@example.com"
    assert client.post("/token", data=form).json()["error"] == "invalid_grant"


def test_remembers_who_signed_in_until_they_sign_out(client: httpx2.Client) -> None:
    silent = {**REQUEST, "prompt": "none"}
    assert _answer(client.get("/authorize", params=silent))["error"] == "login_required"
    tokens = _exchange(client, _sign_in(client)["code"]).json()
    assert "code" in _answer(client.get("/authorize", params=silent))

    query = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": BACK, "state": "bye"}
    out = client.get("/logout", params=query)

    assert out.headers["location"] == f"{BACK}?state=bye"
    assert _answer(client.get("/authorize", params=silent))["error"] == "login_required"
    form = {
        "grant_type": "refresh_token",
        "client_id": "web-customer",
        "refresh_token": tokens["refresh_token"],
    }
    assert client.post("/token", data=form).status_code == 400


def test_gives_scripts_a_token(standin: StandInProcess, client: httpx2.Client) -> None:
    wanted = {"sub": "s-1", "email": "s@example.com", "name": "S", "roles": ["admin"], "expiresIn": 30}
    claims = _claims(client, client.post("/test/token", json=wanted).json()["accessToken"])
    assert (claims["sub"], claims["roles"], claims["aud"]) == ("s-1", ["admin"], "storefront")
    assert claims["exp"] - claims["iat"] == 30


def test_knows_a_token_that_is_over_or_foreign(standin: StandInProcess, client: httpx2.Client) -> None:
    over = client.post("/test/token", json={"expiresIn": -10}).json()["accessToken"]
    claims = {**_claims_without_checks(over), "exp": 2**40}
    foreign = jwt.encode({"alg": "RS256"}, claims, RSAKey.generate_key(2048))
    for token in (over, foreign, "nonsense"):
        response = client.get("/userinfo", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 401


def _claims_without_checks(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return decoded


def test_web_apps_may_ask_from_other_origins(client: httpx2.Client) -> None:
    preflight = {
        "Origin": "http://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    assert client.options("/token", headers=preflight).headers["access-control-allow-origin"] == "*"
    origin = {"Origin": "http://shop.example"}
    assert client.get("/.well-known/jwks.json", headers=origin).headers["access-control-allow-origin"] == "*"


def test_a_key_from_a_file_keeps_its_id_and_the_issuer_is_told(tmp_path: Path) -> None:
    key = RSAKey.generate_key(2048)
    (tmp_path / "key.pem").write_bytes(key.as_pem(private=True))
    environment = {"IDENTITY_ISSUER": "http://identity.example/"}
    ids = []
    for _ in range(2):
        process = StandInProcess("identity", f"--key-file={tmp_path / 'key.pem'}", environment=environment)
        try:
            ids.append(
                httpx2.get(f"{process.url}/.well-known/jwks.json", trust_env=False).json()["keys"][0]["kid"]
            )
            document = httpx2.get(f"{process.url}/.well-known/openid-configuration", trust_env=False).json()
        finally:
            process.stop()
        assert document["issuer"] == "http://identity.example"
        assert document["jwks_uri"] == "http://identity.example/.well-known/jwks.json"
    assert ids == [key.thumbprint()] * 2
