"""Payments from the request to their end, against a real gateway process, database and broker."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from tests.services.payment.shop import Shop

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]


async def test_an_order_is_paid_once_and_everybody_is_told(shop: Shop) -> None:
    order_id = await shop.ask_for_payment(amount=4_990)

    captured = await shop.hear(order_id, "payment.captured")

    assert captured["amount"] == {"amount": 4_990, "currency": "EUR"}
    (intent,) = await shop.intents(order_id)
    assert (intent["status"], intent["amount_received"]) == ("succeeded", 4_990)
    payment = await shop.payment(order_id)
    assert captured["paymentId"] == payment["id"]
    assert payment["captured"]["amount"] == 4_990
    assert await shop.ledger(order_id) == [("authorised", 4_990), ("captured", 4_990)]
    await shop.quiet()
    assert [event["type"] for event in shop.heard(order_id)] == ["payment.captured"]


async def test_a_payment_that_is_asked_for_again_is_told_again_but_not_made_again(shop: Shop) -> None:
    order_id = await shop.ask_for_payment()
    await shop.hear(order_id, "payment.captured")

    await shop.ask_for_payment(order_id=order_id)

    await shop.quiet()
    assert [event["type"] for event in shop.heard(order_id)] == ["payment.captured"] * 2
    assert len(await shop.intents(order_id)) == 1
    assert await shop.ledger(order_id) == [("authorised", 4_990), ("captured", 4_990)]


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_unknown", "resource_missing"),
    ],
)
async def test_a_card_that_is_refused_fails_the_payment(shop: Shop, method: str, reason: str) -> None:
    order_id = await shop.ask_for_payment(method)

    failed = await shop.hear(order_id, "payment.failed")

    assert failed["reason"] == reason
    payment = await shop.payment(order_id)
    assert (payment["state"], payment["failure"]) == ("failed", reason)
    assert await shop.ledger(order_id) == []
    # Nobody can try another card for an order that is given up.
    assert {intent["status"] for intent in await shop.intents(order_id)} <= {"canceled"}


async def test_a_cancelled_order_gets_its_money_back_once(shop: Shop) -> None:
    order_id = await shop.ask_for_payment(amount=2_500)
    await shop.hear(order_id, "payment.captured")

    await shop.cancel(order_id)
    await shop.cancel(order_id)

    refunded = await shop.hear(order_id, "payment.refunded")
    assert refunded["amount"] == refunded["totalRefunded"] == {"amount": 2_500, "currency": "EUR"}
    await shop.quiet()
    assert (await shop.payment(order_id))["state"] == "refunded"
    assert await shop.ledger(order_id) == [("authorised", 2_500), ("captured", 2_500), ("refunded", 2_500)]
    versions = [event["aggregateversion"] for event in shop.heard(order_id)]
    assert versions == sorted(set(versions))


async def test_an_order_that_was_cancelled_before_is_not_charged(shop: Shop) -> None:
    order_id = uuid4()
    await shop.cancel(order_id)
    await shop.quiet()

    await shop.ask_for_payment(order_id=order_id)

    await shop.hear(order_id, "payment.voided")
    assert (await shop.payment(order_id))["state"] == "voided"
    assert await shop.intents(order_id) == []


async def test_the_customer_proves_who_they_are_and_has_paid(shop: Shop) -> None:
    order_id = await shop.ask_for_payment("pm_card_threeDSecure2Required")

    action = await shop.hear(order_id, "payment.action_required")
    assert action["clientSecret"].startswith("pi_")
    assert await shop.ledger(order_id) == []
    async with shop.api.get(_reachable(shop, action["nextActionUrl"])) as page:
        assert "Complete authentication" in await page.text()
    async with shop.api.post(
        _reachable(shop, action["nextActionUrl"]),
        data={"client_secret": action["clientSecret"], "outcome": "succeed"},
        allow_redirects=False,
    ) as done:
        assert done.headers["Location"].startswith(f"https://shop.example.com/orders/{order_id}?")

    await shop.hear(order_id, "payment.captured")
    assert await shop.ledger(order_id) == [("authorised", 4_990), ("captured", 4_990)]


async def test_a_customer_who_fails_to_prove_who_they_are_has_not_paid(shop: Shop) -> None:
    order_id = await shop.ask_for_payment("pm_card_threeDSecure2Required")
    action = await shop.hear(order_id, "payment.action_required")

    async with shop.api.post(
        _reachable(shop, action["nextActionUrl"]),
        data={"client_secret": action["clientSecret"], "outcome": "fail"},
        allow_redirects=False,
    ):
        pass

    failed = await shop.hear(order_id, "payment.failed")
    assert failed["reason"] == "payment_intent_authentication_failure"
    assert await shop.ledger(order_id) == []


async def test_a_customer_who_never_proves_who_they_are_has_not_paid(shop: Shop) -> None:
    order_id = await shop.ask_for_payment("pm_card_threeDSecure2Required", expires_in=3)
    await shop.hear(order_id, "payment.action_required")

    failed = await shop.hear(order_id, "payment.failed")

    assert failed["reason"] == "expired"
    assert [event["type"] for event in shop.heard(order_id)] == [
        "payment.action_required", "payment.voided", "payment.failed",
    ]  # fmt: skip
    (intent,) = await shop.intents(order_id)
    assert intent["status"] == "canceled"


async def test_a_payment_that_comes_too_late_is_not_made(shop: Shop) -> None:
    order_id = await shop.ask_for_payment(expires_in=-1)

    assert (await shop.hear(order_id, "payment.failed"))["reason"] == "expired"
    assert await shop.intents(order_id) == []


def _reachable(shop: Shop, url: str) -> str:
    """The address of a page of the sandbox, which does not know the port that it was given."""
    return re.sub(r"^http://[^/]+", shop.sandbox.url, url)
