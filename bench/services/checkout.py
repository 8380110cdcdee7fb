"""Orders from the customer's cart to the parcel, by way of the public entry, begun at the moments that are due."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from storefront_dev.shop.addresses import Addresses
from storefront_dev.shop.customer import Customer
from storefront_dev.shop.http import AnswerError, Json, client
from storefront_dev.shop.people import Person, Tokens
from storefront_dev.shop.products import Catalogue, Product, until_known

from bench.services import pods
from bench.services.comparison import MeasurementError
from bench.services.laboratory import SERVICES, Laboratory
from bench.services.schedule import arrivals

RATE = 1.0
"""Orders a second. Each is seven requests, nine events and a mail or two, and work of every store."""

_SEED = 1
_PATIENCE = 120.0


@dataclass
class Checkout:
    """What became of the orders. Times are in milliseconds."""

    rate: float
    seconds: float
    accepted: list[float] = field(default_factory=list)
    """From the moment at which a customer was due until the order was accepted: cart, shipping quote, checkout."""
    shipped: list[float] = field(default_factory=list)
    """From the same moment until the parcel was on its way; what follows the answer is told by the shop's own clock."""
    failures: Counter[str] = field(default_factory=Counter)
    processor_seconds: Mapping[str, float] = field(default_factory=dict)
    """What each service used from the first order to the end of the last, by its name."""

    @property
    def per_core(self) -> float:
        """Orders shipped for each second that a processor worked for the five services."""
        return len(self.shipped) / sum(self.processor_seconds.values())


def measure(laboratory: Laboratory, addresses: Addresses, *, warm_up: float, seconds: float) -> Checkout:
    """Buy for so many seconds, after a warm-up. Raises MeasurementError when no order was shipped."""
    asyncio.run(_buy(addresses, RATE, warm_up, "warm-up"))
    before = _used(laboratory)
    checkout = asyncio.run(_buy(addresses, RATE, seconds, "measured"))
    after = _used(laboratory)
    if not checkout.shipped:
        raise MeasurementError(f"no order was shipped: {dict(checkout.failures)}")
    checkout.processor_seconds = {name: after[name] - before[name] for name in after}
    return checkout


def _used(laboratory: Laboratory) -> dict[str, float]:
    return {name: pods.processor_seconds(laboratory.cluster, laboratory.service(name)) for name in SERVICES}


async def _buy(addresses: Addresses, rate: float, seconds: float, batch: str) -> Checkout:
    checkout = Checkout(rate, seconds)
    async with client() as http:
        tokens = Tokens(http, addresses.identity)
        due = arrivals(rate, seconds, _SEED)
        product = await _product(Catalogue(http, addresses.shop, tokens), batch, 10 * len(due))
        people = [Person(f"{batch}-{number}@example.com", "Bea Buyer") for number in range(len(due))]
        customers = [Customer(http, addresses.shop, person, tokens) for person in people]
        await until_known(customers[0], [product])
        for person in people:
            await tokens.headers(person)  # it takes no time of the shop's
        began = time.monotonic()
        await asyncio.gather(
            *(
                _one(customer, product, began + moment, checkout)
                for customer, moment in zip(customers, due, strict=True)
            )
        )
    return checkout


async def _product(catalogue: Catalogue, batch: str, stock: int) -> Product:
    return await catalogue.create(f"BENCH-{batch.upper()}-{int(time.time()):X}", 1900, stock)


async def _one(customer: Customer, product: Product, due: float, checkout: Checkout) -> None:
    await asyncio.sleep(max(0.0, due - time.monotonic()))
    try:
        order = await customer.buy({product.id: 1})
        accepted = time.monotonic() - due
        end = await customer.until(order["id"], within=_PATIENCE)
    except (AnswerError, TimeoutError) as error:
        checkout.failures[str(error)] += 1
        return
    if end["state"] == "cancelled":
        checkout.failures[f"cancelled: {end['cancelReason']}"] += 1
        return
    checkout.accepted.append(1000 * accepted)
    checkout.shipped.append(1000 * (accepted + _seconds_after_placing(end)))


def _seconds_after_placing(order: Json) -> float:
    """The last thing that happened to a new order is that it was shipped."""
    placed, shipped = (datetime.fromisoformat(order[key]) for key in ("placedAt", "updatedAt"))
    return (shipped - placed).total_seconds()
