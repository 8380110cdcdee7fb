"""Two things at the same moment: which one is first is decided by the test, not by chance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.services.payment.shop import ADMIN_HEADERS, Shop
from tests.services.service_process import eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]


@asynccontextmanager
async def held(settings: dict[str, str], order_id: UUID, waiting: int, shop: Shop) -> AsyncIterator[None]:
    """Hold the payment's row for the block; leave the block only when so many transactions wait for it."""
    with psycopg.connect(
        host=settings["DATABASE_HOST"],
        port=settings["DATABASE_PORT"],
        user="payment",
        password=Path(settings["DATABASE_PASSWORD_FILE"]).read_text(encoding="utf-8").strip(),
        dbname=settings["DATABASE_NAME"],
    ) as holder:
        holder.execute("SELECT 1 FROM payments WHERE order_id = %s FOR UPDATE", [order_id])
        yield

        async def all_wait() -> bool:
            row = shop.database.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'",
                [settings["DATABASE_NAME"]],
            ).fetchone()
            return row is not None and row[0] >= waiting

        await eventually(all_wait, within=2.5)
        holder.rollback()


async def paid(shop: Shop, amount: int = 3_000) -> tuple[UUID, str]:
    """A paid order, and its payment's id."""
    order_id = await shop.ask_for_payment(amount=amount)
    captured = await shop.hear(order_id, "payment.captured")
    await shop.quiet()
    return order_id, captured["paymentId"]


async def test_of_two_refunds_that_are_too_much_together_one_is_made(
    shop: Shop, settings: dict[str, str]
) -> None:
    order_id, payment_id = await paid(shop)

    async with held(settings, order_id, 2, shop):
        asked = [asyncio.create_task(shop.refund(payment_id, 2_000, str(uuid4()))) for _ in range(2)]
    answers = await asyncio.gather(*asked)

    assert sorted(status for status, _ in answers) == [202, 409]
    await shop.hear(order_id, "payment.refunded")
    assert (await shop.payment(order_id))["refunded"]["amount"] == 2_000
    refunds = (await shop.at_sandbox("GET", "/v1/refunds", params={"limit": "100"}))["data"]
    (intent,) = await shop.intents(order_id)
    assert sum(refund["amount"] for refund in refunds if refund["payment_intent"] == intent["id"]) == 2_000


async def test_a_refund_that_is_asked_for_twice_with_one_key_is_made_once(
    shop: Shop, settings: dict[str, str]
) -> None:
    order_id, payment_id = await paid(shop)
    key = str(uuid4())

    async with held(settings, order_id, 2, shop):
        asked = [asyncio.create_task(shop.refund(payment_id, 1_000, key)) for _ in range(2)]
    (first_status, first), (second_status, second) = await asyncio.gather(*asked)

    assert first_status == second_status == 202
    assert first == second
    await shop.hear(order_id, "payment.refunded")
    await shop.quiet()
    assert (await shop.payment(order_id))["refunded"]["amount"] == 1_000


async def test_a_refund_by_hand_and_a_cancelled_order_give_back_no_more_than_was_paid(
    shop: Shop, settings: dict[str, str]
) -> None:
    order_id, payment_id = await paid(shop)

    async with held(settings, order_id, 2, shop):
        asked = asyncio.create_task(shop.refund(payment_id, 1_200, str(uuid4())))
        await shop.cancel(order_id)
    await asked

    payment = await shop.payment_in(order_id, "refunded")
    assert payment["refunded"]["amount"] == payment["captured"]["amount"] == 3_000


async def test_webhooks_that_come_late_twice_and_in_the_wrong_order_change_nothing(shop: Shop) -> None:
    shop.sandbox.faults(webhooksHeld=True)
    order_id = await shop.ask_for_payment()
    await shop.hear(order_id, "payment.captured")
    before = await shop.payment(order_id)
    (intent,) = await shop.intents(order_id)
    events = await shop.events_at_sandbox(intent["id"])
    assert len(events) >= 3

    for event in [*reversed(events), *events]:
        await deliver(shop, event)

    await processed(shop, [event["id"] for event in events])
    assert await shop.payment(order_id) == before
    assert [event["type"] for event in shop.heard(order_id)] == ["payment.captured"]
    assert await shop.ledger(order_id) == [("authorised", 4_990), ("captured", 4_990)]


async def test_a_webhook_that_is_faster_than_the_answer_counts(shop: Shop) -> None:
    shop.sandbox.faults(timeoutAfterEffectRate=1, webhooksHeld=True)
    order_id = await shop.ask_for_payment()

    async def made() -> list[dict[str, Any]]:
        return await shop.intents(order_id)

    (intent,) = await eventually(made)
    (authorised,) = [
        event
        for event in await shop.events_at_sandbox(intent["id"])
        if event["type"] == "payment_intent.amount_capturable_updated"
    ]
    await deliver(shop, authorised)
    await processed(shop, [authorised["id"]])
    assert ("authorised", 4_990) in await shop.ledger(order_id)
    shop.sandbox.faults()

    await shop.hear(order_id, "payment.captured", within=40)
    await shop.quiet()
    assert await shop.ledger(order_id) == [("authorised", 4_990), ("captured", 4_990)]


async def test_a_payment_that_is_voided_while_it_is_captured_goes_back(shop: Shop) -> None:
    order_id = await shop.ask_for_payment("pm_card_threeDSecure2Required")
    action = await shop.hear(order_id, "payment.action_required")
    payment = await shop.payment(order_id)
    # The capture will have its effect, but its answer will not come.
    shop.sandbox.faults(timeoutAfterEffectRate=1, webhooksHeld=True)
    (intent,) = await shop.intents(order_id)
    async with shop.api.post(
        f"{shop.sandbox.url}/authenticate/{intent['id']}",
        data={"client_secret": action["clientSecret"], "outcome": "succeed"},
        allow_redirects=False,
    ):
        pass
    for event in await shop.events_at_sandbox(intent["id"]):
        await deliver(shop, event)

    async def captured() -> bool:
        return (await shop.intents(order_id))[0]["status"] == "succeeded"

    await eventually(captured)
    async with shop.api.post(f"/api/payments/{payment['id']}/void", headers=ADMIN_HEADERS) as response:
        assert response.status == 202, await response.text()
    shop.sandbox.faults()

    refunded = await shop.hear(order_id, "payment.refunded", within=40)
    assert refunded["totalRefunded"]["amount"] == 4_990
    await shop.quiet()
    assert (await shop.payment(order_id))["state"] == "refunded"


async def test_orders_that_are_cancelled_the_moment_they_are_to_be_paid_cost_nothing(shop: Shop) -> None:
    orders = [uuid4() for _ in range(10)]

    await asyncio.gather(
        *(shop.ask_for_payment(order_id=order_id) for order_id in orders),
        *(shop.cancel(order_id) for order_id in orders),
    )

    for order_id in orders:
        payment = await shop.payment_in(order_id, "voided", "refunded")
        assert payment["captured"] == payment["refunded"]


async def deliver(shop: Shop, event: dict[str, Any]) -> None:
    """Have the sandbox send that event now."""
    answer = await shop.at_sandbox("POST", "/test/webhooks/deliver", json={"event": event["id"]})
    assert answer == {"status": 200}


async def processed(shop: Shop, events: list[str]) -> None:
    """Return when the service has processed those webhooks."""

    async def done() -> bool:
        row = shop.database.execute(
            "SELECT count(*) FROM webhook_events WHERE id = ANY(%s) AND processed_at IS NOT NULL", [events]
        ).fetchone()
        return row == (len(events),)

    await eventually(done)
