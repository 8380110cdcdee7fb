"""Many customers at once while things go wrong: nothing is lost, charged twice, oversold or left untold."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from storefront_dev.shop import load
from storefront_dev.shop.customer import Customer
from storefront_dev.shop.journal import Journal
from storefront_dev.shop.people import Person
from storefront_dev.shop.products import Product, until_known
from storefront_dev.shop.reconciliation.differences import Kind, differences
from storefront_dev.shop.reconciliation.facts import Facts
from storefront_dev.shop.reconciliation.report import report

from tests.services.shop.crowd import MIX, agreed
from tests.services.shop.running_shop import Visit

COUNT = 60
SCARCE_STOCK = 6


async def test_the_books_of_a_crowded_shop_agree_whatever_goes_wrong(visit: Visit) -> None:
    shop = visit.shop
    since = await visit.collector.newest_order_placed_at()
    plain = [await visit.catalogue.create(visit.sku(f"p{n}"), 700 + n, 10 * COUNT) for n in range(3)]
    scarce = await visit.catalogue.create(visit.sku("scarce"), 4900, SCARCE_STOCK)
    products = [*plain, scarce]
    await until_known(visit.customer("scout"), products)
    shop.standins["payments"].faults(
        timeoutAfterEffectRate=0.05, webhookDuplicateRate=0.5, webhookReorderRate=0.5
    )

    outcomes = await _load_with_broker_restart(visit, plain, scarce)

    print(load.summary(outcomes))
    assert not [outcome.failure for outcome in outcomes if outcome.failure]
    assert all(len(outcome.orders) <= 1 for outcome in outcomes)
    journal = Journal.of(outcomes, products, since)
    facts = await agreed(visit.collector, journal, within=120)
    print(report(facts, []))
    assert {order.state for order in facts.orders} == {"shipped", "cancelled"}
    assert shop.standins["payments"].injected().get("timeoutAfterEffectRate", 0) > 0

    await _planted_differences_are_found(visit, journal, facts, scarce)


async def _load_with_broker_restart(
    visit: Visit, plain: Sequence[Product], scarce: Product
) -> list[load.Outcome]:
    shop = visit.shop
    some_are_done = asyncio.Event()
    ended = 0

    def count(_: load.Outcome) -> None:
        nonlocal ended
        ended += 1
        if ended == COUNT // 4:
            some_are_done.set()

    def customer_for(number: int) -> Customer:
        person = Person(f"crowd-{number}@example.com", f"Customer {number}")
        return Customer(visit.http, shop.addresses.shop, person, visit.tokens)

    async def restart_broker() -> None:
        await some_are_done.wait()
        await asyncio.to_thread(shop.rabbitmq.stop)
        await asyncio.to_thread(shop.rabbitmq.start)

    purchases = load.plan(COUNT, plain, scarce, MIX, random.Random(6))
    restart = asyncio.create_task(restart_broker())
    try:
        outcomes = await load.run(purchases, customer_for, concurrency=20, patience=120, progress=count)
        await restart
    finally:
        shop.rabbitmq.restore()
    return outcomes


async def _planted_differences_are_found(
    visit: Visit, journal: Journal, before: Facts, scarce: Product
) -> None:
    async def found() -> set[Kind]:
        return {each.kind for each in differences(await visit.collector.collect(journal))}

    shipped = next(order for order in before.orders if order.state == "shipped")
    visit.shop.standins["payments"].faults()
    await visit.charge(shipped.id, shipped.total)
    assert await found() == {Kind.DOUBLED, Kind.LEDGER}

    with visit.shop.postgres.admin(visit.shop.database("product")) as connection:
        connection.execute("UPDATE products SET stock = stock + 1 WHERE sku = %s", [scarce.sku])
    assert await found() == {Kind.DOUBLED, Kind.LEDGER, Kind.OVERSOLD}

    (await visit.http.delete(f"{visit.shop.addresses.mail}/api/messages")).raise_for_status()
    assert await found() == {Kind.DOUBLED, Kind.LEDGER, Kind.OVERSOLD, Kind.MISSING_MAIL}
