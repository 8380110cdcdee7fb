"""What comes through the gateway, and what does not: a real Envoy before services that tell what they were sent."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from tests.services.gateway.envoy_process import EnvoyProcess

ISSUER = "http://id.shop.localhost"
AUDIENCE = "storefront"
SERVICES = ("user", "product", "order", "payment")


def served(answer: Callable[[BaseHTTPRequestHandler], tuple[int, bytes]]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_request(self) -> None:
            status, body = answer(self)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = handle_request  # noqa: N815 names that the library calls

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    return server


class Services:
    """Four services that answer with the headers they were sent; `statuses` says what they answer next."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.requests = 0
        self._servers = {
            name: served(lambda request, name=name: self._answer(name, request)) for name in SERVICES
        }
        self.ports = {name: server.server_address[1] for name, server in self._servers.items()}

    def _answer(self, name: str, request: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        self.requests += 1
        status = self.statuses.pop(0) if self.statuses else 200
        headers = {key.lower(): value for key, value in request.headers.items()}
        return status, json.dumps({"service": name, "path": request.path, "headers": headers}).encode()

    def stop(self) -> None:
        for server in self._servers.values():
            server.shutdown()
            server.server_close()


class IdentityProvider:
    """Signs tokens, and publishes the key with which they are checked."""

    def __init__(self) -> None:
        self._key = RSAKey.generate_key(2048, {"kid": "one"})
        keys = json.dumps(KeySet([self._key]).as_dict(private=False)).encode()
        self._server = served(lambda _: (200, keys))
        self.settings = {
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "jwksUri": f"http://127.0.0.1:{self._server.server_address[1]}/jwks",
        }

    def token(self, *, key: RSAKey | None = None, **changed: Any) -> str:
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "somebody",
            "roles": ["admin"],
            "exp": int(time.time()) + 300,
            **changed,
        }
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, key or self._key)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    services = Services()
    yield services
    services.stop()


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    provider = IdentityProvider()
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def envoy(
    services: Services, provider: IdentityProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EnvoyProcess]:
    envoy = EnvoyProcess(tmp_path_factory.mktemp("gateway"), services.ports, provider.settings)
    yield envoy
    envoy.stop()


@pytest.fixture
def client(envoy: EnvoyProcess) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=envoy.api, timeout=20) as client:
        yield client


def claims_in(answer: httpx2.Response) -> Any:
    header = answer.json()["headers"].get("x-storefront-claims")
    return header and json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/api/users/me", "user"),
        ("/api/products?limit=1", "product"),
        ("/api/categories", "product"),
        ("/api/search?q=mug", "product"),
        ("/api/inventory/CT-1001", "product"),
        ("/api/cart", "order"),
        ("/api/carts/7", "order"),
        ("/api/orders", "order"),
        ("/api/shipping-quotes", "order"),
        ("/api/payments/7", "payment"),
    ],
)
def test_each_path_reaches_its_service(client: httpx2.Client, path: str, service: str) -> None:
    answer = client.get(path).json()

    assert (answer["service"], answer["path"]) == (service, path)


@pytest.mark.parametrize("path", ["/", "/api", "/api/productsandmore", "/metrics", "/api/../metrics"])
def test_other_paths_are_a_problem_document(client: httpx2.Client, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 404


def test_services_are_told_who_the_token_is_for(client: httpx2.Client, provider: IdentityProvider) -> None:
    answer = client.get("/api/orders", headers=bearer(provider.token(email="a@example.com")))

    claims = claims_in(answer)
    assert (claims["sub"], claims["email"], claims["roles"]) == ("somebody", "a@example.com", ["admin"])
    assert answer.json()["headers"]["x-storefront-gateway"] == "first"
    assert "authorization" not in answer.json()["headers"]


def test_without_a_token_nobody_is_signed_in(client: httpx2.Client) -> None:
    answer = client.get("/api/products")

    assert claims_in(answer) is None
    assert answer.json()["headers"]["x-storefront-gateway"] == "first"


def test_who_they_are_is_not_for_clients_to_say(client: httpx2.Client, provider: IdentityProvider) -> None:
    said = base64.urlsafe_b64encode(b'{"sub":"boss","roles":["admin"]}').decode().rstrip("=")
    headers = {"x-storefront-claims": said, "x-storefront-gateway": "guessed"}

    anonymous = client.get("/api/orders", headers=headers)
    signed_in = client.get("/api/orders", headers={**headers, **bearer(provider.token(sub="me"))})

    assert claims_in(anonymous) is None
    assert claims_in(signed_in)["sub"] == "me"
    assert anonymous.json()["headers"]["x-storefront-gateway"] == "first"


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": int(time.time()) - 3600},
        {"aud": "another"},
        {"iss": "http://another.localhost"},
        {"key": RSAKey.generate_key(2048, {"kid": "one"})},
    ],
    ids=["expired", "for another audience", "of another issuer", "signed by somebody else"],
)
def test_a_token_that_is_not_right_is_refused(
    client: httpx2.Client, provider: IdentityProvider, services: Services, wrong: dict[str, Any]
) -> None:
    before = services.requests

    answer = client.get("/api/products", headers=bearer(provider.token(**wrong)))

    assert answer.status_code in (401, 403)
    assert answer.headers["content-type"] == "application/problem+json"
    assert services.requests == before


def test_webhooks_need_no_token_and_keep_what_they_carry(client: httpx2.Client) -> None:
    headers = {"Authorization": "Bearer not-a-token", "Stripe-Signature": "t=1,v1=2"}

    answer = client.post("/api/payments/webhooks", headers=headers, content=b"{}")

    assert answer.status_code == 200
    assert answer.json()["headers"]["stripe-signature"] == "t=1,v1=2"


def test_a_read_is_tried_again_and_a_write_is_not(client: httpx2.Client, services: Services) -> None:
    before = services.requests
    services.statuses = [503]
    assert client.get("/api/products").status_code == 200
    assert services.requests == before + 2

    services.statuses = [503]
    assert client.post("/api/orders").status_code == 503
    assert services.requests == before + 3


def test_an_exchanged_credential_is_used_without_a_restart(
    envoy: EnvoyProcess, client: httpx2.Client
) -> None:
    envoy.set_credential("second")
    try:
        deadline = time.monotonic() + 20
        while client.get("/api/products").json()["headers"]["x-storefront-gateway"] != "second":
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        envoy.set_credential("first")
    deadline = time.monotonic() + 20
    while client.get("/api/products").json()["headers"]["x-storefront-gateway"] != "first":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_metrics_name_the_services(envoy: EnvoyProcess, client: httpx2.Client) -> None:
    client.get("/api/products")

    metrics = httpx2.get(f"{envoy.operations}/metrics", timeout=20).text

    assert 'envoy_cluster_upstream_rq_total{envoy_cluster_name="product"}' in metrics


def test_without_an_identity_provider_everybody_is_anonymous(services: Services, tmp_path: Path) -> None:
    envoy = EnvoyProcess(tmp_path, services.ports)
    try:
        headers = {**bearer("anything"), "x-storefront-claims": "e30"}
        answer = httpx2.get(f"{envoy.api}/api/products", headers=headers, timeout=20)
        assert claims_in(answer) is None
    finally:
        envoy.stop()
