"""What the gateway tells by itself, and what somebody else tells in its name."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from stripe import WebhookSignature

from tests.services.payment.conftest import WEBHOOK_SECRET
from tests.services.payment.shop import Shop
from tests.services.service_process import eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]


def event(kind: str = "customer.created", thing: dict[str, Any] | None = None) -> dict[str, Any]:
    """An event as Stripe makes them."""
    return {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "type": kind,
        "created": int(time.time()),
        "data": {"object": thing or {"id": "cus_1", "object": "customer"}},
    }


async def send(
    shop: Shop, body: str, *, secret: str = WEBHOOK_SECRET, age: float = 0.0, header: str | None = None
) -> int:
    """The status of the answer to a webhook."""
    signed = WebhookSignature.generate_signature_header(body, secret, int(time.time() - age))
    headers = {"Stripe-Signature": signed if header is None else header, "Content-Type": "application/json"}
    async with shop.api.post("/api/payments/webhooks", data=body.encode(), headers=headers) as response:
        if response.status != 200:
            assert response.content_type == "application/problem+json"
        return response.status


async def outcome(shop: Shop, event_id: str) -> str:
    """What became of a webhook, once it is processed."""

    async def processed() -> str | None:
        row = shop.database.execute("SELECT outcome FROM webhook_events WHERE id = %s", [event_id]).fetchone()
        return None if row is None else row[0]

    found: str = await eventually(processed)
    return found


async def test_only_what_the_gateway_signed_now_is_taken_in(shop: Shop) -> None:
    body = json.dumps(event())

    assert await send(shop, body, secret="whsec_wrong") == 400
    assert await send(shop, body, age=600) == 400
    assert await send(shop, body, header="") == 400
    assert await send(shop, "[]") == 400
    assert await send(shop, "{") == 400
    assert await send(shop, "x" * 600_000) == 413
    assert shop.database.execute("SELECT count(*) FROM webhook_events").fetchone() == (0,)
    assert await send(shop, body) == 200


async def test_one_event_is_taken_in_once(shop: Shop) -> None:
    sent = event()

    for _ in range(3):
        assert await send(shop, json.dumps(sent)) == 200

    assert await outcome(shop, sent["id"]) == "of a type that is not used"
    count = "SELECT count(*) FROM webhook_events WHERE id = %s"
    assert shop.database.execute(count, [sent["id"]]).fetchone() == (1,)


async def test_what_is_not_about_our_payments_or_not_readable_is_noted_and_left(shop: Shop) -> None:
    foreign = event(
        "payment_intent.succeeded",
        {
            "id": "pi_foreign", "object": "payment_intent", "amount": 100, "amount_received": 100,
            "currency": "eur", "status": "succeeded", "metadata": {"orderId": str(uuid4())},
        },
    )  # fmt: skip
    broken = event("payment_intent.succeeded", {"id": "pi_broken", "object": "payment_intent"})

    assert await send(shop, json.dumps(foreign)) == 200
    assert await send(shop, json.dumps(broken)) == 200

    assert await outcome(shop, foreign["id"]) == "not about a payment of ours"
    assert await outcome(shop, broken["id"]) == "not readable"


async def test_what_a_webhook_said_is_forgotten_once_it_is_processed(shop: Shop) -> None:
    sent = event(thing={"id": "cus_1", "object": "customer", "email": "ada@example.com"})
    assert await send(shop, json.dumps(sent)) == 200
    await outcome(shop, sent["id"])

    kept = shop.database.execute("SELECT body FROM webhook_events WHERE id = %s", [sent["id"]]).fetchone()
    assert kept == (None,)


async def test_while_the_secret_is_exchanged_both_are_good(shop: Shop, payment_secrets: Path) -> None:
    file = payment_secrets / "webhook-secret"
    before = file.read_text(encoding="utf-8")
    try:
        file.write_text(f"whsec_next\n{WEBHOOK_SECRET}\n", encoding="utf-8")
        assert await send(shop, json.dumps(event()), secret="whsec_next") == 200
        assert await send(shop, json.dumps(event()), secret=WEBHOOK_SECRET) == 200
        file.write_text("whsec_next\n", encoding="utf-8")
        assert await send(shop, json.dumps(event()), secret=WEBHOOK_SECRET) == 400
        file.unlink()
        assert await send(shop, json.dumps(event()), secret="whsec_next") == 503
    finally:
        file.write_text(before, encoding="utf-8")


async def test_disputes_are_written_into_the_books(shop: Shop) -> None:
    order_id = await shop.ask_for_payment(amount=2_000)
    await shop.hear(order_id, "payment.captured")
    (intent,) = await shop.intents(order_id)

    dispute = await shop.at_sandbox("POST", "/test/disputes", json={"paymentIntent": intent["id"]})
    await entered(shop, order_id, ("disputed", 2_000))
    assert (await shop.payment(order_id))["disputed"]["amount"] == 2_000
    status, _ = await shop.refund((await shop.payment(order_id))["id"], 1, str(uuid4()))
    assert status == 409

    await shop.at_sandbox("POST", f"/test/disputes/{dispute['id']}/close", json={"won": True})
    await entered(shop, order_id, ("dispute_won", 2_000))
    assert (await shop.payment(order_id))["disputed"]["amount"] == 0


async def test_a_refund_made_at_the_gateways_own_pages_is_a_refund(shop: Shop) -> None:
    order_id = await shop.ask_for_payment(amount=2_000)
    await shop.hear(order_id, "payment.captured")
    (intent,) = await shop.intents(order_id)

    form = {"payment_intent": intent["id"], "amount": "500"}
    await shop.at_sandbox("POST", "/v1/refunds", data=form)

    refunded = await shop.hear(order_id, "payment.refunded")
    assert refunded["totalRefunded"]["amount"] == 500
    payment = await shop.payment(order_id)
    assert payment["state"] == "partially_refunded"
    assert [refund["origin"] for refund in payment["refunds"]] == ["at_gateway"]


async def test_a_refund_that_comes_back_days_later_is_undone_in_the_books(shop: Shop) -> None:
    order_id = await shop.ask_for_payment(amount=2_000)
    payment_id = (await shop.hear(order_id, "payment.captured"))["paymentId"]
    await shop.refund(payment_id, 2_000, str(uuid4()))
    await shop.hear(order_id, "payment.refunded")
    (intent,) = await shop.intents(order_id)
    refunds = await shop.at_sandbox("GET", "/v1/refunds", params={"payment_intent": intent["id"]})

    await shop.at_sandbox("POST", f"/test/refunds/{refunds['data'][0]['id']}/fail")

    await entered(shop, order_id, ("refund_failed", 2_000))
    payment = await shop.payment(order_id)
    assert (payment["state"], payment["refunded"]["amount"]) == ("captured", 0)
    assert payment["refunds"][0]["state"] == "failed"


async def entered(shop: Shop, order_id: Any, entry: tuple[str, int]) -> None:
    """Return when the ledger has that entry about the order."""

    async def found() -> bool:
        return entry in await shop.ledger(order_id)

    await eventually(found)
