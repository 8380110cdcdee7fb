"""The payment API for customers and administrators, and the books behind it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest
from storefront_common.events import UserErasureRequested, UserExportRequested

from tests.services.payment.payment_process import run
from tests.services.payment.shop import ADMIN_HEADERS, Shop, claims
from tests.services.service_process import eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]


async def status(shop: Shop, method: str, path: str, headers: dict[str, str], **request: Any) -> int:
    """The status of an answer."""
    async with shop.api.request(method, path, headers=headers, **request) as response:
        if response.status >= 400:
            assert response.content_type == "application/problem+json"
        return response.status


async def paid(shop: Shop, subject: str = "customer-1", amount: int = 1_500) -> tuple[Any, str]:
    """A paid order, and its payment's id."""
    order_id = await shop.ask_for_payment(amount=amount, subject=subject)
    return order_id, (await shop.hear(order_id, "payment.captured"))["paymentId"]


async def test_customers_see_their_own_payments_and_nobody_elses(shop: Shop) -> None:
    ada, eve = f"ada-{uuid4()}", f"eve-{uuid4()}"
    order_id, payment_id = await paid(shop, ada)

    async with shop.api.get(f"/api/payments/{payment_id}", headers=claims(ada)) as response:
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-store"
        own = await response.json()
    assert (own["orderId"], own["gatewayIntent"]) == (str(order_id), None)
    async with shop.api.get(f"/api/payments?orderId={order_id}", headers=claims(ada)) as response:
        assert [each["id"] for each in (await response.json())["items"]] == [payment_id]

    assert await status(shop, "GET", f"/api/payments/{payment_id}", claims(eve)) == 404
    async with shop.api.get(f"/api/payments?orderId={order_id}", headers=claims(eve)) as response:
        assert (await response.json())["items"] == []
    assert await status(shop, "GET", f"/api/payments/{payment_id}", {}) == 401
    forged = {**claims(ada), "x-storefront-gateway": "guessed"}
    assert await status(shop, "GET", f"/api/payments/{payment_id}", forged) == 401


async def test_only_the_customer_gets_the_key_to_their_challenge(shop: Shop) -> None:
    ada = f"ada-{uuid4()}"
    order_id = await shop.ask_for_payment("pm_card_threeDSecure2Required", subject=ada)
    told = await shop.hear(order_id, "payment.action_required")

    async with shop.api.get(f"/api/payments/{told['paymentId']}", headers=claims(ada)) as response:
        action = (await response.json())["action"]
    assert action["clientSecret"] == told["clientSecret"]
    assert (await shop.payment(order_id))["action"] is None


async def test_money_is_given_back_by_administrators_only(shop: Shop) -> None:
    _, payment_id = await paid(shop)
    path = f"/api/payments/{payment_id}/refunds"
    body = {"amount": {"amount": 100}}
    key = {"Idempotency-Key": str(uuid4())}

    assert await status(shop, "POST", path, key, json=body) == 401
    assert await status(shop, "POST", path, {**claims("customer-1"), **key}, json=body) == 403
    assert await status(shop, "POST", path, ADMIN_HEADERS, json=body) == 422
    for wrong in ({"amount": {"amount": 0}}, {"amount": {"amount": -1}}, {"amount": {"amount": 1.5}}, {}):
        assert await status(shop, "POST", path, {**ADMIN_HEADERS, **key}, json=wrong) == 422
    missing = f"/api/payments/{uuid4()}/refunds"
    assert await status(shop, "POST", missing, {**ADMIN_HEADERS, **key}, json=body) == 404
    assert await status(shop, "GET", "/api/payments/ledger", claims("customer-1")) == 403


async def test_refunds_add_up_to_what_was_paid_and_no_further(shop: Shop) -> None:
    order_id, payment_id = await paid(shop, amount=1_500)

    first_key = str(uuid4())
    created, refund = await shop.refund(payment_id, 500, first_key)
    assert (created, refund["state"], refund["origin"]) == (202, "requested", "by_shop")
    too_much, problem = await shop.refund(payment_id, 1_001, str(uuid4()))
    assert (too_much, problem["errors"][0]["message"]) == (409, "only 1000 can be given back")
    again, same = await shop.refund(payment_id, 500, first_key)
    assert (again, same) == (202, refund)
    other, _ = await shop.refund(payment_id, 501, first_key)
    assert other == 422
    assert (await shop.refund(payment_id, 1_000, str(uuid4())))[0] == 202

    payment = await shop.payment_in(order_id, "refunded")
    assert payment["refunded"]["amount"] == 1_500
    assert [each["state"] for each in payment["refunds"]] == ["succeeded", "succeeded"]
    assert (await shop.refund(payment_id, 1, str(uuid4())))[0] == 409
    told = shop.heard(order_id, "payment.refunded")
    assert [event["data"]["totalRefunded"]["amount"] for event in told] == [500, 1_500]


async def test_a_refund_that_the_gateway_refuses_is_shown_as_failed(shop: Shop) -> None:
    order_id, payment_id = await paid(shop)
    (intent,) = await shop.intents(order_id)
    shop.sandbox.faults(webhooksHeld=True)
    await shop.at_sandbox("POST", "/test/disputes", json={"paymentIntent": intent["id"]})

    assert (await shop.refund(payment_id, 100, str(uuid4())))[0] == 202

    async def refused() -> bool:
        refunds = (await shop.payment(order_id))["refunds"]
        return [(each["state"], each["failure"]) for each in refunds] == [("failed", "charge_disputed")]

    await eventually(refused)
    assert shop.heard(order_id, "payment.refunded") == []


async def test_a_payment_is_voided_until_it_is_captured(shop: Shop) -> None:
    order_id = await shop.ask_for_payment("pm_card_threeDSecure2Required")
    payment_id = (await shop.hear(order_id, "payment.action_required"))["paymentId"]

    assert await status(shop, "POST", f"/api/payments/{payment_id}/void", claims("customer-1")) == 403
    assert await status(shop, "POST", f"/api/payments/{payment_id}/void", ADMIN_HEADERS) == 202
    await shop.hear(order_id, "payment.voided")
    assert await status(shop, "POST", f"/api/payments/{payment_id}/void", ADMIN_HEADERS) == 409

    _, captured_id = await paid(shop)
    assert await status(shop, "POST", f"/api/payments/{captured_id}/void", ADMIN_HEADERS) == 409


async def test_lists_come_in_pages_that_neither_repeat_nor_hide(shop: Shop) -> None:
    subject = f"many-{uuid4()}"
    orders = [str((await paid(shop, subject))[0]) for _ in range(5)]

    seen: list[str] = []
    after = ""
    while True:
        url = f"/api/payments?limit=2&state=captured&after={after}"
        async with shop.api.get(url, headers=claims(subject)) as response:
            page = await response.json()
        seen += [each["orderId"] for each in page["items"]]
        if page["nextCursor"] is None:
            break
        after = page["nextCursor"]
    assert seen == orders[::-1]
    assert await status(shop, "GET", "/api/payments?after=nonsense", claims(subject)) == 422


async def test_the_ledger_comes_in_pages_the_newest_first(shop: Shop) -> None:
    order_id, _ = await paid(shop)

    seen: list[dict[str, Any]] = []
    after = ""
    while len(seen) < 4:
        async with shop.api.get(
            f"/api/payments/ledger?limit=1&after={after}", headers=ADMIN_HEADERS
        ) as response:
            page = await response.json()
        seen += page["items"]
        after = page["nextCursor"]
    ids = [entry["id"] for entry in seen]
    assert ids == sorted(ids, reverse=True)
    assert [entry["kind"] for entry in seen if entry["orderId"] == str(order_id)] == [
        "captured",
        "authorised",
    ]
    assert await status(shop, "GET", f"/api/payments/ledger?after={10**18}9", ADMIN_HEADERS) in (200, 422)


@pytest.mark.parametrize(
    "change",
    ["UPDATE ledger_entries SET amount = 1", "DELETE FROM ledger_entries", "TRUNCATE ledger_entries"],
)
async def test_the_ledger_cannot_be_changed(shop: Shop, change: str) -> None:
    await paid(shop)

    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        shop.database.execute(change)


async def test_one_capture_per_payment_is_all_that_the_ledger_takes(shop: Shop) -> None:
    order_id, payment_id = await paid(shop)

    with pytest.raises(psycopg.errors.UniqueViolation):
        shop.database.execute(
            "INSERT INTO ledger_entries (payment_id, order_id, kind, amount, currency, gateway_object)"
            " VALUES (%s, %s, 'captured', 1500, 'EUR', 'pi_second')",
            [payment_id, order_id],
        )


async def test_reconcile_finds_what_is_planted(shop: Shop, settings: dict[str, str]) -> None:
    order_id, payment_id = await paid(shop, amount=1_500)
    await shop.quiet()
    clean = run(settings, "reconcile")
    assert clean.returncode == 0, clean.stdout + clean.stderr

    shop.database.execute(
        "INSERT INTO ledger_entries (payment_id, order_id, kind, amount, currency, gateway_object)"
        " VALUES (%s, %s, 'refunded', 700, 'EUR', 're_invented')",
        [payment_id, order_id],
    )
    planted = run(settings, "reconcile")

    assert planted.returncode == 1
    assert "refunded: the gateway has nothing, the ledger 7.00 EUR" in planted.stdout
    assert str(order_id) in planted.stdout


async def test_a_person_can_have_their_data_and_be_forgotten(shop: Shop) -> None:
    ada = f"ada-{uuid4()}"
    order_id, payment_id = await paid(shop, ada)
    exporting, erasing = uuid4(), uuid4()

    await shop.publish(UserExportRequested(request_id=exporting, subject=ada), ada)
    exported = await shop.answer(exporting)
    assert [each["id"] for each in exported["data"]["payments"]] == [payment_id]

    await shop.publish(UserErasureRequested(request_id=erasing, subject=ada), ada)
    erased = await shop.answer(erasing)
    assert erased["service"] == "payment"
    assert await status(shop, "GET", f"/api/payments/{payment_id}", claims(ada)) == 404
    row = shop.database.execute(
        "SELECT to_jsonb(payments) FROM payments WHERE id = %s", [payment_id]
    ).fetchone()
    assert row is not None
    assert ada not in str(row)
    assert await shop.ledger(order_id) == [("authorised", 1_500), ("captured", 1_500)]
