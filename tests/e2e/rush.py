"""Many customers at once in a shop on real nodes, and what they and everybody else wrote down."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import httpx2
from storefront_dev.clusters import Cluster
from storefront_dev.shop import load
from storefront_dev.shop.addresses import Addresses
from storefront_dev.shop.customer import Customer
from storefront_dev.shop.journal import Journal
from storefront_dev.shop.people import Person, Tokens
from storefront_dev.shop.products import Catalogue, Product, until_known
from storefront_dev.shop.reconciliation.collection import Collector
from storefront_dev.standins.running import payments_key, public_url

from tests.services.shop.crowd import MIX

FAULTS = {"timeoutAfterEffectRate": 0.05, "webhookDuplicateRate": 1.0, "webhookReorderRate": 0.5}
"""Of the payment gateway: five in a hundred charges are made and not answered, every webhook comes twice."""

Strike = Callable[[], Coroutine[Any, Any, None]]


class Market:
    """One shop with the systems around it, as customers and as its owner see them."""

    def __init__(self, http: httpx2.AsyncClient, cluster: Cluster, shop: str) -> None:
        names = ("identity", "payments", "mail", "shipping")
        self.addresses = Addresses(shop, *(public_url(cluster, name) for name in names))
        self.tokens = Tokens(http, self.addresses.identity)
        self.catalogue = Catalogue(http, shop, self.tokens)
        self.collector = Collector(http, self.addresses, self.tokens, payments_key(cluster))
        self._http = http
        self._batch = secrets.token_hex(4)

    def customer(self, name: str) -> Customer:
        """A customer whom nobody else is."""
        person = Person(f"{name}-{self._batch}@example.com", name.capitalize())
        return Customer(self._http, self.addresses.shop, person, self.tokens)

    async def stock_up(self, name: str, price: int, stock: int) -> Product:
        """A new product that the shop's order service knows already; `price` in minor units."""
        product = await self.catalogue.create(f"E2E-{self._batch}-{name}".upper(), price, stock)
        await until_known(self.customer("scout"), [product])
        return product

    async def gateway_faults(self, **faults: float) -> None:
        """Switch these faults of the payment gateway on, and all others off."""
        answer = await self._http.put(f"{self.addresses.payments}/faults", json=faults)
        answer.raise_for_status()

    async def injected(self) -> Mapping[str, int]:
        """How often each of the gateway's faults has happened since its start."""
        answer = await self._http.get(f"{self.addresses.payments}/faults/injected")
        counts: dict[str, int] = answer.raise_for_status().json()
        return counts


async def rush(
    market: Market, count: int, strikes: Sequence[Strike], *, patience: float
) -> tuple[list[load.Outcome], Journal, Product]:
    """Let `count` customers buy while the strikes happen, evenly spread over them; returns what came of it, what they
    wrote down, and the product of which there was half of what was wanted.
    """
    since = await market.collector.newest_order_placed_at()
    plain = [await market.stock_up(f"plain-{n}", 700 + n, 10 * count) for n in range(3)]
    scarce = await market.stock_up("scarce", 4900, max(1, round(count * MIX.scarce / 2)))
    marks = {(n + 1) * count // (len(strikes) + 2): strike for n, strike in enumerate(strikes)}
    struck: list[asyncio.Task[None]] = []
    ended = 0

    def tell(_: load.Outcome) -> None:
        nonlocal ended
        ended += 1
        if ended in marks:
            struck.append(asyncio.create_task(marks[ended]()))

    purchases = load.plan(count, plain, scarce, MIX, random.Random(6))
    outcomes = await load.run(
        purchases,
        lambda number: market.customer(f"rush-{number}"),
        concurrency=20,
        patience=patience,
        progress=tell,
    )
    await asyncio.gather(*struck)
    assert len(struck) == len(strikes)
    return outcomes, Journal.of(outcomes, [*plain, scarce], since), scarce
