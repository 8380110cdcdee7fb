"""What orders do to the stock, on a real database: nothing is sold twice, whatever arrives when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from product_service.catalogue import service as catalogue
from product_service.catalogue.schemas import ProductChange
from product_service.inventory import reservations
from product_service.inventory.tables import Reservation
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.events import OrderSummary

from tests.services.product.orders import Item, placed
from tests.services.product.store import Store, commit, release, reserve

pytestmark = pytest.mark.services


async def test_an_order_reserves_all_its_lines_and_tells(store: Store) -> None:
    lamp, mug = await store.product(5), await store.product(9, price=250)
    order = placed(lamp._replace(quantity=2), mug._replace(quantity=4), lamp._replace(quantity=1))
    await reserve(store, order)
    assert await store.amounts(lamp) == (5, 3)
    assert await store.amounts(mug) == (9, 4)
    ((kind, version, data),) = await store.events(order.order_id)
    assert (kind, version) == ("stock.reserved", 1)
    assert data["total"] == {"amount": 4000, "currency": "EUR"}
    assert data["lines"] == [line.model_dump(mode="json", by_alias=True) for line in order.lines]


async def test_an_order_that_cannot_be_served_whole_reserves_nothing(store: Store) -> None:
    lamp, mug = await store.product(5), await store.product(3)
    order = placed(lamp._replace(quantity=2), mug._replace(quantity=2), mug._replace(quantity=2))
    await reserve(store, order)
    assert await store.amounts(lamp) == (5, 0)
    assert await store.amounts(mug) == (3, 0)
    assert await store.state(order.order_id) == "rejected"
    ((kind, _, data),) = await store.events(order.order_id)
    assert kind == "stock.rejected"
    assert data["reason"] == "out_of_stock"
    price = {"amount": 1000, "currency": "EUR"}
    assert data["lines"] == [{"sku": mug.sku, "wanted": 4, "available": 3, "price": price}]


async def test_an_order_at_another_price_is_rejected_with_the_present_one(store: Store) -> None:
    lamp, mug = await store.product(5, price=1200), await store.product(5)
    order = placed(lamp._replace(price=1000), mug)
    await reserve(store, order)
    assert await store.amounts(lamp) == await store.amounts(mug) == (5, 0)
    ((_, _, data),) = await store.events(order.order_id)
    assert data["reason"] == "price_changed"
    price = {"amount": 1200, "currency": "EUR"}
    assert data["lines"] == [{"sku": lamp.sku, "wanted": 1, "available": 5, "price": price}]


@pytest.mark.parametrize(
    "how", ["never there", "another product's SKU", "archived", "removed", "absurdly many"]
)
async def test_what_cannot_be_bought_is_rejected(store: Store, how: str) -> None:
    item = await store.product(5)
    reason = "unknown_product"
    if how == "never there":
        item = Item(uuid4(), "NONE-1")
    elif how == "another product's SKU":
        item = item._replace(product_id=uuid4())
    elif how == "archived":
        await store.write(
            lambda session: catalogue.change_product(
                session, item.product_id, ProductChange(active=False), None, "admin"
            )
        )
    elif how == "removed":
        await store.write(lambda session: catalogue.remove_product(session, item.product_id, None))
    else:
        item, reason = item._replace(quantity=10**18), "out_of_stock"
    order = placed(item)
    await reserve(store, order)
    ((_, _, data),) = await store.events(order.order_id)
    assert data["reason"] == reason


async def test_asked_again_it_tells_the_same_again_and_reserves_once(store: Store) -> None:
    lamp = await store.product(3)
    order, too_many = placed(lamp), placed(lamp._replace(quantity=9))
    for given in (order, too_many):
        await reserve(store, given)
        await reserve(store, given)
        first, second = await store.events(given.order_id)
        assert first == second
    assert await store.amounts(lamp) == (3, 1)


async def test_what_is_paid_leaves_the_stock_once(store: Store) -> None:
    lamp = await store.product(3)
    order = placed(lamp._replace(quantity=2))
    await reserve(store, order)
    await commit(store, order)
    await commit(store, order)
    assert await store.amounts(lamp) == (1, 0)
    assert await store.movements(lamp) == [("created", 3), ("sold", -2)]


async def test_what_is_cancelled_can_be_ordered_again(store: Store) -> None:
    lamp = await store.product(2)
    order = placed(lamp._replace(quantity=2))
    await reserve(store, order)
    await release(store, order)
    await release(store, order)
    assert await store.amounts(lamp) == (2, 0)
    await commit(store, order)
    assert await store.amounts(lamp) == (2, 0), "a cancellation is final"


async def test_a_cancellation_after_the_payment_brings_the_goods_back(store: Store) -> None:
    lamp = await store.product(2)
    order = placed(lamp)
    await reserve(store, order)
    await commit(store, order)
    await release(store, order)
    assert await store.amounts(lamp) == (2, 0)
    assert await store.movements(lamp) == [("created", 2), ("sold", -1), ("returned", 1)]


async def test_a_cancellation_that_is_heard_first_wins(store: Store) -> None:
    lamp = await store.product(2)
    order = placed(lamp)
    await release(store, order)
    await reserve(store, order)
    assert await store.amounts(lamp) == (2, 0)
    assert await store.events(order.order_id) == []


async def test_a_forgotten_reservation_is_given_back(store: Store) -> None:
    lamp = await store.product(2)
    order, fresh = placed(lamp), placed(lamp)
    await reserve(store, order)
    await reserve(store, fresh)
    assert await store.write(reservations.expire) is None
    await _forget(store, order)
    assert await store.write(reservations.expire) == order.order_id
    assert await store.write(reservations.expire) is None
    assert await store.amounts(lamp) == (2, 1)


async def test_an_expired_order_that_is_paid_is_served_if_there_is_some_left(store: Store) -> None:
    lamp = await store.product(2)
    first, second, third = placed(lamp), placed(lamp), placed(lamp)
    for order in (first, second):
        await reserve(store, order)
        await _forget(store, order)
        await store.write(reservations.expire)
    await commit(store, first)
    assert await store.amounts(lamp) == (1, 0)
    await reserve(store, third)
    # Nothing is left for it, and nothing is taken from the third: a person has to help.
    await commit(store, second)
    assert await store.state(second.order_id) == "short"
    assert await store.amounts(lamp) == (1, 1)


async def test_a_paid_order_that_was_never_heard_of_is_served(store: Store) -> None:
    lamp = await store.product(2)
    order = placed(lamp)
    await commit(store, order)
    assert await store.amounts(lamp) == (1, 0)
    await reserve(store, order)
    assert await store.amounts(lamp) == (1, 0)


async def test_others_hear_of_small_numbers_exactly_and_of_large_ones_roughly(store: Store) -> None:
    lamp = await store.product(14)
    told = []
    for _ in range(14):
        await reserve(store, placed(lamp))
    for kind, _, data in await store.events(lamp.product_id):
        assert kind == "product.changed"
        told.append(data["available"])
    assert told == [14, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    versions = [version for _, version, _ in await store.events(lamp.product_id)]
    assert versions == sorted(set(versions))


async def _forget(store: Store, order: OrderSummary) -> None:
    statement = (
        update(Reservation)
        .where(Reservation.order_id == order.order_id)
        .values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    )

    async def work(session: AsyncSession) -> None:
        await session.execute(statement)

    await store.write(work)
