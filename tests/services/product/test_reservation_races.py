"""Orders at once, each race made to happen: nothing is sold twice, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from product_service.catalogue import service as catalogue
from product_service.inventory import reservations
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.events import OrderSummary

from tests.services.product.orders import placed
from tests.services.product.store import Store, commit, release, reserve
from tests.services.service_process import eventually

pytestmark = pytest.mark.services


class Paused:
    """A transaction that has done its work and waits to be let go."""

    def __init__(self, store: Store, work: Callable[[AsyncSession], Awaitable[None]]) -> None:
        self._go = asyncio.Event()
        self._done = asyncio.Event()
        self._fails = False
        self._task = asyncio.create_task(store.write(lambda session: self._run(session, work)))

    async def reached(self) -> None:
        """Returns when its work is done; nothing is committed."""
        await asyncio.wait_for(self._done.wait(), 3)

    async def commit(self) -> None:
        """Let it commit."""
        self._go.set()
        await self._task

    async def fail(self) -> None:
        """Let it fail, as if its process died."""
        self._fails = True
        self._go.set()
        with pytest.raises(RuntimeError):
            await self._task

    async def _run(self, session: AsyncSession, work: Callable[[AsyncSession], Awaitable[None]]) -> None:
        await work(session)
        self._done.set()
        await self._go.wait()
        if self._fails:
            raise RuntimeError("died")


async def waiting_for_lock(store: Store) -> None:
    """Returns when another transaction waits for a row."""

    async def look() -> bool:
        async def count(session: AsyncSession) -> int:
            statement = text(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return int((await session.execute(statement)).scalar_one())

        return await store.database.read(count) > 0

    await eventually(look, within=3)


@pytest.mark.parametrize("first_survives", [True, False])
async def test_two_orders_for_the_last_piece(store: Store, first_survives: bool) -> None:
    lamp = await store.product(1)
    first, second = placed(lamp), placed(lamp)
    holder = Paused(store, lambda session: reservations.reserve(session, first))
    await holder.reached()
    other = asyncio.create_task(reserve(store, second))
    await waiting_for_lock(store)
    await (holder.commit() if first_survives else holder.fail())
    await other
    states = [await store.state(order.order_id) for order in (first, second)]
    assert states == (["reserved", "rejected"] if first_survives else [None, "reserved"])
    assert await store.amounts(lamp) == (1, 1)


async def test_the_same_order_twice_at_once(store: Store) -> None:
    lamp = await store.product(5)
    order = placed(lamp)
    holder = Paused(store, lambda session: reservations.reserve(session, order))
    await holder.reached()
    again = asyncio.create_task(reserve(store, order))
    await waiting_for_lock(store)
    await holder.commit()
    await again
    assert await store.amounts(lamp) == (5, 1)


async def test_an_order_and_its_cancellation_at_once(store: Store) -> None:
    lamp = await store.product(5)
    order = placed(lamp)
    holder = Paused(store, lambda session: reservations.release(session, order.order_id))
    await holder.reached()
    other = asyncio.create_task(reserve(store, order))
    await waiting_for_lock(store)
    await holder.commit()
    await other
    assert await store.amounts(lamp) == (5, 0)
    assert await store.state(order.order_id) == "released"


async def test_a_product_that_is_ordered_while_it_is_removed_is_archived(store: Store) -> None:
    lamp = await store.product(5)
    order = placed(lamp)
    holder = Paused(store, lambda session: reservations.reserve(session, order))
    await holder.reached()
    removal = asyncio.create_task(
        store.write(lambda session: catalogue.remove_product(session, lamp.product_id, None))
    )
    await waiting_for_lock(store)
    await holder.commit()
    await removal
    assert await store.amounts(lamp) == (5, 1)
    assert (await store.events(lamp.product_id))[-1][2]["active"] is False


async def test_orders_of_the_same_products_in_another_order_never_wait_for_each_other_for_ever(
    store: Store,
) -> None:
    items = [await store.product(100) for _ in range(4)]
    orders = [placed(*(items if number % 2 else items[::-1])) for number in range(40)]
    await asyncio.gather(*(reserve(store, order) for order in orders))
    assert [await store.amounts(item) for item in items] == [(100, 40)] * 4


async def test_no_more_are_sold_than_there_are(store: Store) -> None:
    lamp, mug = await store.product(25), await store.product(40)
    orders = [placed(lamp, mug._replace(quantity=1 + number % 2)) for number in range(60)]

    async def buy(order: OrderSummary, number: int) -> None:
        await reserve(store, order)
        if number % 5 == 0:
            await release(store, order)
        elif number % 3 == 0:
            await commit(store, order)

    await asyncio.gather(*(buy(order, number) for number, order in enumerate(orders)))
    states = Counter([await store.state(order.order_id) for order in orders])
    held = Counter[str]()
    for order in orders:
        for line in order.lines:
            held[line.sku, await store.state(order.order_id)] += line.quantity  # type: ignore[index]
    for item, stock in ((lamp, 25), (mug, 40)):
        on_hand, reserved = await store.amounts(item)
        assert reserved == held[item.sku, "reserved"]  # type: ignore[index]
        assert on_hand == stock - held[item.sku, "committed"]  # type: ignore[index]
        assert 0 <= reserved <= on_hand
    assert states["rejected"] > 0
