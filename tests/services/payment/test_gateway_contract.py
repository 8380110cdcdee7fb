"""Stripe's own mock is the contract: our requests must be valid for it, and the sandbox must answer in its shapes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from payment_service.gateway import Charge
from payment_service.gateway.stripe import API_VERSION, StripeGateway
from payment_service.settings import GatewayApiSettings
from storefront_common.external import ExternalSystem
from storefront_dev.errors import ClusterError
from storefront_dev.stripe_mock import stripe_mock

from tests.services.payment.payment_process import free_port
from tests.services.standin_process import StandInProcess

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

# The mock's samples have nothing but what is always there.
OPTIONAL = {
    "automatic_payment_methods.allow_redirects",
    "next_action.redirect_to_url",
    # Lists inside of objects and counts of a search are there only when they are asked for.
    "refunds",
    "total_count",
}

FREE = {"metadata", "data.object"}
"""Objects whose keys are the caller's, or whose shape another case compares."""

# The mock's sample of an error is of another kind than the one that happened.
DIFFERENT = {"last_payment_error"}


@pytest.fixture(scope="module")
def mock() -> Iterator[str]:
    """The address of a running stripe-mock."""
    try:
        program = stripe_mock()
    except ClusterError as error:
        if os.environ.get("REQUIRE_NODES") == "1":
            pytest.fail(str(error))
        pytest.skip(f"no Go to build stripe-mock with: {error}")
    port = free_port()
    process = subprocess.Popen(
        [str(program), "-http-addr", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx2.get(url, trust_env=False)
            break
        except httpx2.TransportError:
            assert time.monotonic() < deadline, "stripe-mock does not answer"
            assert process.poll() is None
    yield url
    process.terminate()
    process.wait(timeout=10)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[StandInProcess]:
    """A sandbox without webhooks."""
    process = StandInProcess("payments")
    yield process
    process.stop()


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Client:
    """Calls Stripe's API, wherever that is."""

    def __init__(self, url: str) -> None:
        self._client = httpx2.Client(
            base_url=url,
            headers={"Authorization": "Bearer sk_test_123", "Stripe-Version": API_VERSION},
            trust_env=False,
        )

    def close(self) -> None:
        self._client.close()

    def post(self, path: str, **data: Any) -> dict[str, Any]:
        response = self._client.post(path, data=data, headers=FORM)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        response = self._client.get(path, params=params)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def error(self, path: str, **data: Any) -> tuple[int, dict[str, Any]]:
        response = self._client.post(path, data=data, headers=FORM)
        assert response.status_code >= 400
        return response.status_code, response.json()


CARD = {
    "amount": "1000",
    "currency": "eur",
    "capture_method": "manual",
    "payment_method": "pm_card_visa",
    "payment_method_types[0]": "card",
    "metadata[orderId]": "o-1",
}


@pytest.fixture(scope="module")
def ours(sandbox: StandInProcess) -> Iterator[Client]:
    """A client of the sandbox."""
    client = Client(sandbox.url)
    yield client
    client.close()


@pytest.fixture(scope="module")
def theirs(mock: str) -> Iterator[Client]:
    """A client of the mock."""
    client = Client(mock)
    yield client
    client.close()


@pytest.fixture(scope="module")
def answers(sandbox: StandInProcess, ours: Client, theirs: Client) -> dict[str, tuple[Any, Any]]:
    """Call → (the sandbox's answer, the mock's)."""
    created = ours.post("/v1/payment_intents", **CARD)
    intent = created["id"]
    confirmed = ours.post(f"/v1/payment_intents/{intent}/confirm", return_url="https://shop.example.com/")
    captured = ours.post(f"/v1/payment_intents/{intent}/capture")
    refund = ours.post("/v1/refunds", payment_intent=intent, amount="100")
    other = ours.post("/v1/payment_intents", **CARD, confirm="true")
    challenged = ours.post(
        "/v1/payment_intents",
        **{**CARD, "payment_method": "pm_card_threeDSecure2Required"},
        confirm="true",
        return_url="https://shop.example.com/",
    )
    disputed = httpx2.post(
        f"{sandbox.url}/test/disputes", json={"paymentIntent": intent}, trust_env=False
    ).json()
    event = ours.get("/v1/events", limit="1")["data"][0]
    search = {"query": "metadata['orderId']:'o-1'"}
    return {
        "create": (created, theirs.post("/v1/payment_intents", **CARD)),
        "create and confirm": (challenged, theirs.post("/v1/payment_intents", **CARD, confirm="true")),
        "confirm": (confirmed, theirs.post("/v1/payment_intents/pi_1/confirm")),
        "capture": (captured, theirs.post("/v1/payment_intents/pi_1/capture")),
        "cancel": (
            ours.post(f"/v1/payment_intents/{other['id']}/cancel"),
            theirs.post("/v1/payment_intents/pi_1/cancel"),
        ),
        "retrieve": (ours.get(f"/v1/payment_intents/{intent}"), theirs.get("/v1/payment_intents/pi_1")),
        "list": (ours.get("/v1/payment_intents", limit="1"), theirs.get("/v1/payment_intents", limit="1")),
        "search": (
            ours.get("/v1/payment_intents/search", **search, limit="1"),
            theirs.get("/v1/payment_intents/search", **search, limit="1"),
        ),
        "refund": (refund, theirs.post("/v1/refunds", payment_intent="pi_1", amount="100")),
        "retrieve a refund": (ours.get(f"/v1/refunds/{refund['id']}"), theirs.get("/v1/refunds/re_1")),
        "list refunds": (
            ours.get("/v1/refunds", payment_intent=intent),
            theirs.get("/v1/refunds", payment_intent="pi_1"),
        ),
        "charge": (ours.get(f"/v1/charges/{captured['latest_charge']}"), theirs.get("/v1/charges/ch_1")),
        "dispute": (ours.get(f"/v1/disputes/{disputed['id']}"), theirs.get("/v1/disputes/dp_1")),
        "list disputes": (ours.get("/v1/disputes", limit="1"), theirs.get("/v1/disputes", limit="1")),
        "event": (ours.get(f"/v1/events/{event['id']}"), theirs.get("/v1/events/evt_1")),
        "list events": (ours.get("/v1/events", limit="1"), theirs.get("/v1/events", limit="1")),
    }


@pytest.mark.parametrize(
    "call",
    [
        "create", "create and confirm", "confirm", "capture", "cancel", "retrieve", "list", "search", "refund",
        "retrieve a refund", "list refunds", "charge", "dispute", "list disputes", "event", "list events",
    ],
)  # fmt: skip
def test_the_sandbox_answers_in_stripes_shapes(answers: dict[str, tuple[Any, Any]], call: str) -> None:
    ours, theirs = answers[call]

    assert differences(ours, theirs) == []


def test_the_comparison_notices_what_is_missing_added_or_of_another_type() -> None:
    theirs = {"id": "pi_1", "amount": 1, "card": {"brand": "visa"}, "data": [{"id": "re_1"}]}

    assert differences({**theirs, "amount": None}, theirs) == []
    assert differences({"id": "pi_1", "card": {"brand": "visa"}, "data": []}, theirs) == ["amount: missing"]
    assert differences({**theirs, "more": 1}, theirs) == ["more: Stripe has no such field"]
    assert differences({**theirs, "amount": "1"}, theirs) == ["amount: str, Stripe has int"]
    assert differences({**theirs, "card": {}}, theirs) == ["card.brand: missing"]
    assert differences({**theirs, "data": [{"id": 1}]}, theirs) == ["data[].id: int, Stripe has str"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": "1000"},
        {"amount": "x", "currency": "eur"},
        {"amount": "1000", "currency": "eur", "no": "1"},
    ],
)
def test_both_refuse_the_same_parameters(ours: Client, theirs: Client, wrong: dict[str, str]) -> None:
    our_status, our_error = ours.error("/v1/payment_intents", **wrong)
    their_status, their_error = theirs.error("/v1/payment_intents", **wrong)

    assert our_status == their_status == 400
    assert our_error["error"]["type"] == their_error["error"]["type"] == "invalid_request_error"
    assert set(their_error["error"]) <= set(our_error["error"])


async def test_every_request_of_the_service_is_valid_for_stripe(mock: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk_test_123", encoding="utf-8")
    settings = GatewayApiSettings.model_validate({"url": mock, "key_file": tmp_path / "key"})
    system = ExternalSystem("stripe_mock", settings, httpx2.AsyncClient(trust_env=False))
    gateway = StripeGateway(system, settings)
    charge = Charge(uuid4(), uuid4(), 1_000, "EUR", "pm_card_visa", "https://shop.example.com/orders/1")
    since = datetime.now(UTC)

    # The mock checks every parameter against Stripe's specification; a refusal would raise.
    intent = await gateway.authorise(charge)
    assert intent.amount == 1_000
    await gateway.capture("pi_1", charge.payment_id)
    await gateway.cancel("pi_1")
    await gateway.retrieve("pi_1")
    await gateway.find(charge.order_id, since)
    refund = await gateway.refund("pi_1", uuid4(), 500)
    assert refund.amount == 500
    await gateway.find_refund("pi_1", uuid4())
    for listing in (gateway.intents(since), gateway.refunds(since), gateway.disputes(since)):
        assert [thing async for thing in listing]
    await system.close()


def differences(ours: Any, theirs: Any, place: str = "") -> list[str]:
    """Where `ours` has not the shape of `theirs`; None fits every type, because what may be absent is null."""
    if ours is None or theirs is None or _field(place) in FREE | DIFFERENT:
        return []
    if type(ours) is not type(theirs):
        return [f"{place}: {type(ours).__name__}, Stripe has {type(theirs).__name__}"]
    if isinstance(ours, list):
        return (
            [found for each in ours for found in differences(each, theirs[0], f"{place}[]")] if theirs else []
        )
    if not isinstance(ours, dict):
        return []
    found = []
    for name in sorted(ours.keys() | theirs.keys()):
        here = f"{place}.{name}" if place else name
        if _field(here) in OPTIONAL:
            continue
        if name not in ours:
            found.append(f"{here}: missing")
        elif name not in theirs:
            found.append(f"{here}: Stripe has no such field")
        else:
            found += differences(ours[name], theirs[name], here)
    return found


def _field(place: str) -> str:
    """The place inside of the object, however deep that is in a list."""
    return place.removeprefix("data[].")
