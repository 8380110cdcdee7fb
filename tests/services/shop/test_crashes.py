"""Services are killed at their work: whatever they had in hand is finished by the next process, once."""

from __future__ import annotations

import asyncio
import random

from storefront_dev.shop import load
from storefront_dev.shop.customer import Customer
from storefront_dev.shop.journal import Journal
from storefront_dev.shop.people import Person
from storefront_dev.shop.products import until_known
from storefront_dev.shop.reconciliation.report import report

from tests.services.shop.crowd import MIX, agreed
from tests.services.shop.running_shop import SERVICES, Visit

COUNT = 40
CRASHES = 2
"""Of every service."""


async def test_the_books_agree_when_every_service_was_killed_at_its_work(visit: Visit) -> None:
    since = await visit.collector.newest_order_placed_at()
    plain = [await visit.catalogue.create(visit.sku(f"p{n}"), 900 + n, 10 * COUNT) for n in range(3)]
    scarce = await visit.catalogue.create(visit.sku("scarce"), 4900, COUNT // 10)
    products = [*plain, scarce]
    await until_known(visit.customer("scout"), products)
    purchases = load.plan(COUNT, plain, scarce, MIX, random.Random(9))
    ended = asyncio.Semaphore(0)

    def customer_for(number: int) -> Customer:
        person = Person(f"crash-{number}@example.com", f"Customer {number}")
        return Customer(visit.http, visit.shop.addresses.shop, person, visit.tokens)

    async def crash_all() -> None:
        for service in random.Random(9).sample(SERVICES * CRASHES, len(SERVICES) * CRASHES):
            # So many are under way at any time that each crash hits some.
            for _ in range(COUNT // (len(SERVICES) * CRASHES) - 1):
                await ended.acquire()
            await asyncio.to_thread(visit.shop.crash, service)

    buying = load.run(
        purchases, customer_for, concurrency=10, patience=180, progress=lambda _: ended.release()
    )
    outcomes, _ = await asyncio.gather(buying, crash_all())

    print(load.summary(outcomes))
    assert not [outcome.failure for outcome in outcomes if outcome.failure]
    assert all(len(outcome.orders) <= 1 for outcome in outcomes)
    facts = await agreed(visit.collector, Journal.of(outcomes, products, since), within=180)
    print(report(facts, []))
    assert {order.state for order in facts.orders} == {"shipped", "cancelled"}
