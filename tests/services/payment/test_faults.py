"""The gateway is slow, away, or acts and never answers: nobody pays twice, and nothing is forgotten."""

from __future__ import annotations

import asyncio
import re
from uuid import uuid4

import pytest

from tests.services.payment.payment_process import PaymentProcess, run
from tests.services.payment.shop import Shop
from tests.services.service_process import eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

PAID = [("authorised", 4_990), ("captured", 4_990)]


async def injected(shop: Shop, fault: str, times: int = 1) -> None:
    """Return when the fault has happened that often since the sandbox started."""

    async def happened() -> bool:
        return shop.sandbox.injected().get(fault, 0) >= times

    await eventually(happened, within=30)


async def circuit(shop: Shop, service: PaymentProcess) -> float:
    """The state of the circuit: 0 closed, 1 half open, 2 open."""
    async with shop.api.get(service.ops + "/metrics") as response:
        found = re.search(r'external_circuit_state{system="payment_gateway"} (\S+)', await response.text())
    assert found is not None
    return float(found[1])


async def test_a_lost_answer_is_asked_for_again_and_charges_once(shop: Shop) -> None:
    before = shop.sandbox.injected().get("timeoutAfterEffectRate", 0)
    shop.sandbox.faults(timeoutAfterEffectRate=1, webhooksHeld=True)
    order_id = await shop.ask_for_payment()
    await injected(shop, "timeoutAfterEffectRate", before + 1)
    assert shop.heard(order_id) == []

    shop.sandbox.faults(webhooksHeld=True)

    await shop.hear(order_id, "payment.captured", within=40)
    (intent,) = await shop.intents(order_id)
    assert intent["amount_received"] == 4_990
    assert await shop.ledger(order_id) == PAID


async def test_webhooks_alone_are_enough_while_no_answer_ever_comes(shop: Shop) -> None:
    shop.sandbox.faults(timeoutAfterEffectRate=1)

    order_id = await shop.ask_for_payment()

    await shop.hear(order_id, "payment.captured", within=60)
    shop.sandbox.faults()
    assert len(await shop.intents(order_id)) == 1
    assert await shop.ledger(order_id) == PAID


async def test_an_order_that_is_cancelled_while_nobody_knows_what_happened_costs_nothing(shop: Shop) -> None:
    before = shop.sandbox.injected().get("timeoutAfterEffectRate", 0)
    shop.sandbox.faults(timeoutAfterEffectRate=1, webhooksHeld=True)
    order_id = await shop.ask_for_payment()
    await injected(shop, "timeoutAfterEffectRate", before + 1)
    await shop.cancel(order_id)

    async def cancelled() -> bool:
        row = shop.database.execute("SELECT give_up FROM payments WHERE order_id = %s", [order_id]).fetchone()
        return row == ("order_cancelled",)

    await eventually(cancelled)
    shop.sandbox.faults()

    payment = await shop.payment_in(order_id, "voided", "refunded", within=60)
    assert payment["captured"] == payment["refunded"]
    (intent,) = await shop.intents(order_id)
    charge = await shop.at_sandbox("GET", f"/v1/charges/{intent['latest_charge']}")
    assert charge["refunded"]


async def test_a_slow_gateway_is_waited_for_or_asked_again(shop: Shop) -> None:
    before = shop.sandbox.injected().get("delaySeconds", 0)
    shop.sandbox.faults(delaySeconds=1.5)
    order_id = await shop.ask_for_payment()
    await injected(shop, "delaySeconds", before + 2)

    shop.sandbox.faults(delaySeconds=0.3)

    await shop.hear(order_id, "payment.captured", within=40)
    assert len(await shop.intents(order_id)) == 1


async def test_the_circuit_opens_when_the_gateway_fails_and_closes_when_it_is_back(
    shop: Shop, service: PaymentProcess
) -> None:
    shop.sandbox.faults(failRate=1)
    orders = [await shop.ask_for_payment() for _ in range(6)]

    async def is_open() -> bool:
        return await circuit(shop, service) == 2

    await eventually(is_open, within=40)
    failures = shop.sandbox.injected()["failRate"]
    shop.sandbox.faults()

    for order_id in orders:
        await shop.hear(order_id, "payment.captured", within=60)
        assert len(await shop.intents(order_id)) == 1
    assert shop.sandbox.injected()["failRate"] == failures
    assert await circuit(shop, service) == 0


async def test_many_orders_under_all_faults_at_once_are_each_paid_once(
    shop: Shop, settings: dict[str, str]
) -> None:
    shop.sandbox.faults(
        timeoutAfterEffectRate=0.1, failRate=0.05, webhookDuplicateRate=0.5, webhookReorderRate=0.5
    )
    orders = [uuid4() for _ in range(24)]
    await asyncio.gather(*(shop.ask_for_payment(order_id=order_id) for order_id in orders))
    cancelled = orders[::4]
    await asyncio.gather(*(shop.cancel(order_id) for order_id in cancelled))

    for order_id in set(orders) - set(cancelled):
        await shop.hear(order_id, "payment.captured", within=90)
    shop.sandbox.faults()
    for order_id in cancelled:
        payment = await shop.payment_in(order_id, "voided", "refunded", within=60)
        assert payment["captured"] == payment["refunded"]
    for order_id in orders:
        captured = [each for each in await shop.intents(order_id) if each["amount_received"]]
        assert len(captured) <= 1
    await shop.quiet()
    done = run(settings, "reconcile")
    assert done.returncode == 0, done.stdout + done.stderr
