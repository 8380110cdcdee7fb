"""A customer buys, in a shop of processes: nothing of it is pretended but the systems outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

import pytest
from storefront_dev.shop.customer import DECLINED, THREE_D_SECURE
from storefront_dev.shop.http import Json
from storefront_dev.shop.products import Product, until_known
from storefront_dev.shop.reconciliation.differences import differences
from storefront_dev.shop.reconciliation.facts import Charge, Facts, MailKind, Order

from tests.services.service_process import eventually
from tests.services.shop.running_shop import RunningShop, Visit


@pytest.fixture(scope="module", autouse=True)
def _no_errors(shop: RunningShop) -> Iterator[None]:
    """Customers who change their minds and cards that are declined are everyday life: nobody is alarmed."""
    yield
    assert shop.errors() == []


async def _product(visit: Visit, name: str, *, price: int = 1500, stock: int = 5) -> Product:
    product = await visit.catalogue.create(visit.sku(name), price, stock)
    await until_known(visit.customer("scout"), [product])
    return product


async def _facts_of(visit: Visit, order: Json) -> Facts:
    """What all systems know of one order."""
    everything = await visit.collector.collect(None)
    order_id = order["id"]
    return Facts(
        orders=tuple(each for each in everything.orders if each.id == order_id),
        accounts=tuple(each for each in everything.accounts if each.order_id == order_id),
        charges=tuple(each for each in everything.charges if each.order_id == order_id),
        mails=tuple(each for each in everything.mails if each.order_id == order_id),
        labels=tuple(each for each in everything.labels if each.order_id == order_id),
    )


async def _settled(visit: Visit, order: Json) -> Facts:
    """What is known of an order once nothing about it is missing any more: mails are the last."""

    async def complete() -> Facts | None:
        facts = await _facts_of(visit, order)
        return facts if not differences(facts) else None

    async def describe() -> str:
        return str(differences(await _facts_of(visit, order)))

    try:
        found: Facts = await eventually(complete, within=30)
    except AssertionError:
        pytest.fail(await describe())
    return found


def _kinds(facts: Facts) -> set[MailKind]:
    return {mail.kind for mail in facts.mails}


async def test_an_order_is_paid_shipped_and_told(visit: Visit) -> None:
    customer = visit.customer()
    mug, plate = await _product(visit, "mug", price=1500), await _product(visit, "plate", price=900)

    assert [each["id"] for each in await customer.search(mug.sku)] == [mug.id]
    order = await customer.buy({mug.id: 2, plate.id: 1})
    shipped = await customer.until(order["id"], ["shipped"])

    assert shipped["subtotal"]["amount"] == 3900
    assert shipped["tracking"]["trackingNumber"]
    facts = await _settled(visit, order)
    (charge,) = facts.charges
    assert (charge.captured, charge.refunded) == (shipped["total"]["amount"], 0)
    assert len(facts.labels) == 1
    assert _kinds(facts) == {MailKind.PLACED, MailKind.PAID, MailKind.SHIPPED}
    for product, left in ((mug, 3), (plate, 4)):
        stock = await visit.catalogue.stock(product.sku)
        assert (stock["onHand"], stock["reserved"]) == (left, 0)


async def test_the_mail_is_the_customers(visit: Visit) -> None:
    customer = visit.customer()
    order = await customer.buy({(await _product(visit, "mug")).id: 1})
    await _settled(visit, await customer.until(order["id"]))
    query = {"to": customer.person.email}
    mails = (await visit.http.get(f"{visit.shop.addresses.mail}/api/messages", params=query)).json()
    assert mails["total"] == 3
    assert all(order["number"] in mail["subject"] for mail in mails["items"])


async def test_submitting_twice_is_one_order(visit: Visit) -> None:
    customer = visit.customer()
    await customer.put_in_cart((await _product(visit, "mug")).id, 1)
    request = await customer.checkout_request()
    first, again = await customer.submit(request, "key"), await customer.submit(request, "key")
    # Another key, the same cart: somebody pressed the button in two windows.
    other_window = await customer.submit(request, "another key")
    assert first["id"] == again["id"] == other_window["id"]
    await customer.until(first["id"], ["shipped"])
    assert len((await _settled(visit, first)).charges) == 1


async def test_what_sold_out_meanwhile_is_not_charged(visit: Visit) -> None:
    customer = visit.customer()
    lamp, mug = await _product(visit, "lamp", stock=1), await _product(visit, "mug")
    await customer.put_in_cart(mug.id, 1)
    await customer.put_in_cart(lamp.id, 1)
    # Gone, and no event has told the order service.
    _behind_everybodys_back(visit, "UPDATE products SET stock = 0 WHERE sku = %s", lamp.sku)

    order = await customer.submit(await customer.checkout_request(), "key")
    ended = await customer.until(order["id"])

    assert (ended["state"], ended["cancelReason"]) == ("cancelled", "out_of_stock")
    facts = await _settled(visit, order)
    assert facts.charges == ()
    assert _kinds(facts) == {MailKind.PLACED, MailKind.CANCELLED}
    await _stock_is(visit, mug, 5)


async def test_nobody_pays_another_price_than_the_one_they_saw(visit: Visit) -> None:
    customer = visit.customer()
    mug = await _product(visit, "mug", price=1500)
    await customer.put_in_cart(mug.id, 1)
    _behind_everybodys_back(visit, "UPDATE products SET price_amount = 1600 WHERE sku = %s", mug.sku)

    order = await customer.submit(await customer.checkout_request(), "key")
    ended = await customer.until(order["id"])

    assert (ended["state"], ended["cancelReason"]) == ("cancelled", "price_changed")
    assert (await _settled(visit, order)).charges == ()
    await _stock_is(visit, mug, 5)


def _behind_everybodys_back(visit: Visit, statement: LiteralString, sku: str) -> None:
    """Change the product service's database without an event."""
    with visit.shop.postgres.admin(visit.shop.database("product")) as connection:
        connection.execute(statement, [sku])


async def test_a_declined_card_releases_the_stock(visit: Visit) -> None:
    customer = visit.customer()
    mug = await _product(visit, "mug")
    order = await customer.until((await customer.buy({mug.id: 2}, DECLINED))["id"])
    assert (order["state"], order["cancelReason"]) == ("cancelled", "payment_failed")
    facts = await _settled(visit, order)
    assert not any(charge.captured for charge in facts.charges)
    await _stock_is(visit, mug, 5)


async def _stock_is(visit: Visit, product: Product, left: int) -> None:
    async def is_so() -> bool:
        stock = await visit.catalogue.stock(product.sku)
        return (stock["onHand"], stock["reserved"]) == (left, 0)

    await eventually(is_so)


async def test_a_customer_whose_bank_asks_answers(visit: Visit) -> None:
    customer = visit.customer()
    mug = await _product(visit, "mug")
    order = await customer.buy({mug.id: 1}, THREE_D_SECURE)
    asked = await customer.until(order["id"], ["action_required", "cancelled"])
    await customer.authenticate(asked)
    await customer.until(order["id"], ["shipped"])
    assert _captured(await _settled(visit, order)) == [order["total"]["amount"]]


async def test_a_customer_who_fails_the_banks_question_is_not_charged(visit: Visit) -> None:
    customer = visit.customer()
    mug = await _product(visit, "mug")
    order = await customer.buy({mug.id: 1}, THREE_D_SECURE)
    asked = await customer.until(order["id"], ["action_required", "cancelled"])
    await customer.authenticate(asked, succeed=False)
    ended = await customer.until(order["id"])
    assert (ended["state"], ended["cancelReason"]) == ("cancelled", "payment_failed")
    assert _captured(await _settled(visit, order)) == []
    await _stock_is(visit, mug, 5)


async def test_a_customer_who_never_answers_the_bank_loses_the_goods_and_pays_nothing(visit: Visit) -> None:
    customer = visit.customer()
    mug = await _product(visit, "mug")
    order = await customer.buy({mug.id: 1}, THREE_D_SECURE)
    asked = await customer.until(order["id"], ["action_required"])
    assert asked["paymentAction"]["url"]
    ended = await customer.until(order["id"])
    assert ended["state"] == "cancelled"
    assert _captured(await _settled(visit, order)) == []
    await _stock_is(visit, mug, 5)


async def test_cancelling_after_paying_gives_the_money_and_the_goods_back(visit: Visit) -> None:
    customer = visit.customer()
    mug = await _product(visit, "mug")
    await customer.put_in_cart(mug.id, 2)
    request = await customer.checkout_request()
    # Time to think again, before the parcel has its label.
    visit.shop.standins["shipping"].faults(delaySeconds=1.5)
    order = await customer.submit(request, "key")
    await customer.until(order["id"], ["paid"])
    await customer.cancel(order["id"])

    facts = await _refunded(visit, order)

    assert _captured(facts) == [order["total"]["amount"]]
    assert _kinds(facts) == {MailKind.PLACED, MailKind.PAID, MailKind.CANCELLED, MailKind.REFUNDED}
    await _stock_is(visit, mug, 5)


async def _refunded(visit: Visit, order: Json) -> Facts:
    async def is_so() -> bool:
        orders: tuple[Order, ...] = (await _facts_of(visit, order)).orders
        return orders[0].refunded == orders[0].total

    await eventually(is_so)
    return await _settled(visit, order)


def _captured(facts: Facts) -> list[int]:
    charges: tuple[Charge, ...] = facts.charges
    return [charge.captured for charge in charges if charge.captured]
