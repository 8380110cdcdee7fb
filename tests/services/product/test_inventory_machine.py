"""Any sequence of what may happen to orders and stock, against a model that has nothing but numbers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from product_service.catalogue import service as catalogue
from product_service.catalogue.schemas import ProductChange
from product_service.inventory import reservations, service
from product_service.inventory.schemas import Adjustment, Reason
from product_service.inventory.tables import Reservation
from sqlalchemy import update
from storefront_common.events import OrderPlaced
from storefront_common.problems import Problem

from tests.services.product.orders import Item, placed
from tests.services.product.store import Store, commit, release, reserve

pytestmark = pytest.mark.services

SKUS = 3
lines = st.lists(st.tuples(st.integers(0, SKUS - 1), st.integers(1, 4)), min_size=1, max_size=4)


class Inventory(RuleBasedStateMachine):
    """Three products; orders come, go, are paid and forgotten, people count and set amounts."""

    loop: asyncio.Runner
    environment: dict[str, str]

    orders = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.store = self.do(self._open())
        self.on_hand: list[int] = []
        self.states: dict[Any, str] = {}
        self.wanted: dict[Any, Counter[int]] = {}

    async def _open(self) -> Store:
        return Store(self.environment)

    def do(self, work: Awaitable[Any]) -> Any:
        async def run() -> Any:
            return await work

        return self.loop.run(run())

    def teardown(self) -> None:
        self.do(self.store.database.close())

    @initialize(stocks=st.lists(st.integers(0, 8), min_size=SKUS, max_size=SKUS))
    def products(self, stocks: list[int]) -> None:
        self.items: list[Item] = [self.do(self.store.product(stock)) for stock in stocks]
        self.on_hand = list(stocks)

    @rule(target=orders, lines=lines)
    def an_order_is_made(self, lines: list[tuple[int, int]]) -> OrderPlaced:
        order = placed(*(self.items[index]._replace(quantity=quantity) for index, quantity in lines))
        self.wanted[order.order_id] = Counter()
        for index, quantity in lines:
            self.wanted[order.order_id][index] += quantity
        self.states[order.order_id] = "none"
        return order

    @rule(order=orders)
    def it_is_placed(self, order: OrderPlaced) -> None:
        self.do(reserve(self.store, order))
        if self.states[order.order_id] == "none":
            self.states[order.order_id] = "reserved" if self._fits(order) else "rejected"

    @rule(order=orders)
    def it_is_cancelled(self, order: OrderPlaced) -> None:
        self.do(release(self.store, order))
        if self.states[order.order_id] == "committed":
            self._move(order, 1)
        self.states[order.order_id] = "released"

    @rule(order=orders)
    def it_is_paid(self, order: OrderPlaced) -> None:
        self.do(commit(self.store, order))
        state = self.states[order.order_id]
        if state in ("committed", "released", "short"):
            return
        if state == "reserved" or self._fits(order):
            self.states[order.order_id] = "committed"
            self._move(order, -1)
        else:
            self.states[order.order_id] = "short"

    @rule(order=orders)
    def it_is_forgotten(self, order: OrderPlaced) -> None:
        statement = (
            update(Reservation)
            .where(Reservation.order_id == order.order_id)
            .values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        )
        self.do(self.store.write(lambda session: session.execute(statement)))
        while self.do(self.store.write(reservations.expire)) is not None:
            pass
        if self.states[order.order_id] == "reserved":
            self.states[order.order_id] = "expired"

    @rule(index=st.integers(0, SKUS - 1), change=st.integers(-6, 6).filter(bool))
    def somebody_counts(self, index: int, change: int) -> None:
        adjustment = Adjustment(change=change, reason=Reason.COUNTED)
        sku = self.items[index].sku
        possible = self.on_hand[index] + change >= self._reserved(index)
        try:
            self.do(self.store.write(lambda session: service.adjust(session, sku, adjustment, "admin")))
        except Problem:
            assert not possible
        else:
            assert possible
            self.on_hand[index] += change

    @rule(index=st.integers(0, SKUS - 1), available=st.integers(0, 8))
    def somebody_sets_what_can_be_ordered(self, index: int, available: int) -> None:
        change, product_id = ProductChange(stock=available), self.items[index].product_id
        self.do(
            self.store.write(
                lambda session: catalogue.change_product(session, product_id, change, None, "admin")
            )
        )
        self.on_hand[index] = available + self._reserved(index)

    @invariant()
    def the_database_is_as_the_model(self) -> None:
        for index, item in enumerate(self.items if self.on_hand else []):
            on_hand, reserved = self.do(self.store.amounts(item))
            assert (on_hand, reserved) == (self.on_hand[index], self._reserved(index))
            assert 0 <= reserved <= on_hand
            movements = self.do(self.store.movements(item))
            assert sum(change for _, change in movements) == on_hand
            sold = -sum(change for kind, change in movements if kind in ("sold", "returned"))
            assert sold == sum(
                wanted[index]
                for order_id, wanted in self.wanted.items()
                if self.states[order_id] == "committed"
            )

    def _reserved(self, index: int) -> int:
        return sum(
            wanted[index] for order_id, wanted in self.wanted.items() if self.states[order_id] == "reserved"
        )

    def _fits(self, order: OrderPlaced) -> bool:
        return all(
            self.on_hand[index] - self._reserved(index) >= quantity
            for index, quantity in self.wanted[order.order_id].items()
        )

    def _move(self, order: OrderPlaced, direction: int) -> None:
        for index, quantity in self.wanted[order.order_id].items():
            self.on_hand[index] += direction * quantity


@pytest.fixture
def machine(database: dict[str, str]) -> Iterator[type[Inventory]]:
    """The machine on the module's database, with an event loop of its own."""
    with asyncio.Runner() as runner:
        yield type("OnDatabase", (Inventory,), {"loop": runner, "environment": database})


def test_whatever_happens_nothing_is_sold_twice_or_lost(machine: type[Inventory]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
