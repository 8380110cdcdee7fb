"""The life of orders on a real database: every branch, and every race that matters, made to happen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from order_service.orders import repository
from order_service.orders.lifecycle import Happened, Trigger
from order_service.orders.transitions import UnknownOrderError
from order_service.shipping.provider import ShippingRefusedError
from storefront_common.events import (
    PaymentActionRequired,
    PaymentVoided,
    RejectedLine,
    RejectionReason,
    StockRejected,
)
from storefront_common.external import ExternalUnavailableError
from storefront_common.settings import RedisSettings

from tests.services.order.shop import Person, Shop, payment_id
from tests.services.service_process import eventually

pytestmark = pytest.mark.services


async def placed(shop: Shop, **product: Any) -> tuple[Person, dict[str, Any]]:
    """A customer and their new order of one product."""
    ada = shop.customer()
    return ada, await ada.order(await shop.product(**product))


async def state(shop: Shop, order: dict[str, Any]) -> str:
    """Where the order stands."""
    return str((await shop.admin().get(f"/api/orders/{order['id']}"))["state"])


async def test_from_checkout_to_delivery(shop: Shop) -> None:
    ada, order = await placed(shop, price=1000)
    path = f"/api/orders/{order['id']}"
    await shop.reserved(order)
    assert await state(shop, order) == "reserved"
    (request,) = await shop.events(order["id"], "payment.requested")
    assert (request.amount.amount, request.payment_method) == (order["total"]["amount"], "pm_card_visa")
    await shop.captured(order)
    assert await state(shop, order) == "paid"
    assert await shop.rows("SELECT payment_method FROM orders WHERE id = :id", id=UUID(order["id"])) == [
        (None,)
    ]
    assert await shop.work("buy-label", order["id"])
    shown = await ada.get(path)
    assert (shown["state"], shown["tracking"]["trackingNumber"]) == ("shipped", f"T-{order['number']}")
    (shipped,) = await shop.events(order["id"], "order.shipped")
    assert (shipped.carrier, shipped.tracking_number) == ("Test", f"T-{order['number']}")
    await ada.post(f"{path}/cancel", status=409)
    await ada.post(f"{path}/deliver", status=403)
    delivered = await shop.admin().post(f"{path}/deliver", if_match='"4"')
    assert delivered == await shop.admin().post(f"{path}/deliver")
    assert await shop.told(order) == [
        ("order.placed", 1), ("payment.requested", 2), ("order.paid", 3), ("order.shipped", 4),
    ]  # fmt: skip
    history = (await shop.admin().get(f"{path}/history"))["items"]
    assert [(item["trigger"], item["toState"]) for item in history] == [
        ("checkout", "placed"), ("stock.reserved", "reserved"), ("payment.captured", "paid"),
        ("label bought", "shipped"), ("deliver", "delivered"),
    ]  # fmt: skip
    assert history[1]["cause"].startswith("event ")
    assert history[4]["cause"] == "admin the-admin"
    own = (await ada.get(f"{path}/history"))["items"]
    assert {item["cause"] for item in own} == {None}


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("out_of_stock", "out_of_stock"),
        ("price_changed", "price_changed"),
        ("unknown_product", "out_of_stock"),
    ],
)
async def test_what_cannot_be_reserved_is_cancelled_and_never_charged(
    shop: Shop, reason: str, told: str
) -> None:
    ada, order = await placed(shop)
    line = order["lines"][0]
    data = StockRejected(
        order_id=order["id"],
        reason=RejectionReason(reason),
        lines=[RejectedLine(sku=line["sku"], wanted=1, available=0, price=None)],
    )
    await shop.hear(data, order["id"], 1)
    shown = await ada.get(f"/api/orders/{order['id']}")
    assert (shown["state"], shown["cancelReason"], shown["cancellable"]) == ("cancelled", told, False)
    assert await shop.told(order) == [("order.placed", 1), ("order.cancelled", 2)]
    # Whatever comes late changes nothing.
    await shop.reserved(order)
    assert await shop.told(order) == [("order.placed", 1), ("order.cancelled", 2)]


@pytest.mark.parametrize("end", ["failed", "voided"])
async def test_what_cannot_be_paid_is_cancelled(shop: Shop, end: str) -> None:
    ada, order = await placed(shop)
    await shop.reserved(order)
    if end == "failed":
        await shop.failed(order)
    else:
        data = PaymentVoided(order_id=order["id"], payment_id=payment_id(order))
        await shop.hear(data, order["id"], 3)
    shown = await ada.get(f"/api/orders/{order['id']}")
    assert (shown["state"], shown["cancelReason"]) == ("cancelled", "payment_failed")
    assert (await shop.told(order))[-1] == ("order.cancelled", 3)


async def test_what_the_bank_asks_is_shown_to_the_customer_only(shop: Shop) -> None:
    ada, order = await placed(shop)
    path = f"/api/orders/{order['id']}"
    await shop.reserved(order)
    data = PaymentActionRequired.model_validate(
        {
            "orderId": order["id"],
            "paymentId": payment_id(order),
            "clientSecret": "pi_secret",
            "nextActionUrl": "https://bank.test/ask",
            "expiresAt": "2030-01-01T00:00:00Z",
        }
    )
    await shop.hear(data, order["id"], 2)
    shown = await ada.get(path)
    assert shown["state"] == "action_required"
    assert shown["paymentAction"] == {
        "clientSecret": "pi_secret", "url": "https://bank.test/ask", "expiresAt": "2030-01-01T00:00:00Z",
    }  # fmt: skip
    assert (await shop.admin().get(path))["paymentAction"] is None
    await shop.captured(order)
    shown = await ada.get(path)
    assert (shown["state"], shown["paymentAction"]) == ("paid", None)
    await shop.hear(data, order["id"], 2)
    assert await ada.get(path) == shown


async def test_money_for_a_cancelled_order_goes_back(shop: Shop) -> None:
    ada, order = await placed(shop)
    await shop.reserved(order)
    await ada.post(f"/api/orders/{order['id']}/cancel")
    await shop.captured(order)
    total = order["total"]["amount"]
    assert await shop.told(order) == [
        ("order.placed", 1), ("payment.requested", 2), ("order.cancelled", 3), ("order.cancelled", 4),
    ]  # fmt: skip
    await shop.refunded(order, total, total)
    shown = await ada.get(f"/api/orders/{order['id']}")
    assert (shown["state"], shown["refunded"]["amount"]) == ("cancelled", total)
    (refund,) = await shop.events(order["id"], "order.refunded")
    assert (refund.refund_id, refund.amount.amount) == ("re_1", total)


async def test_parts_of_the_money_can_go_back(shop: Shop) -> None:
    _, order = await placed(shop, price=10_000)
    await shop.reserved(order)
    await shop.captured(order)
    await shop.work("buy-label", order["id"])
    # The second one overtakes the first, and both come twice.
    for _ in range(2):
        await shop.refunded(order, 300, 800, refund="re_2", version=6)
        await shop.refunded(order, 500, 500, refund="re_1", version=5)
    refunds = await shop.events(order["id"], "order.refunded")
    assert [(each.refund_id, each.amount.amount) for each in refunds] == [("re_2", 300), ("re_1", 500)]
    assert (await shop.admin().get(f"/api/orders/{order['id']}"))["refunded"]["amount"] == 800
    assert await state(shop, order) == "shipped"


async def test_a_full_refund_before_shipping_cancels(shop: Shop) -> None:
    _, order = await placed(shop)
    total = order["total"]["amount"]
    await shop.reserved(order)
    await shop.captured(order)
    await shop.refunded(order, total, total)
    assert (await shop.told(order))[-2:] == [("order.cancelled", 4), ("order.refunded", 5)]
    assert await shop.work("buy-label", order["id"]), "nothing is bought for it any more"
    assert shop.carrier.labels == {}


async def test_events_that_come_twice_change_nothing(shop: Shop) -> None:
    _, order = await placed(shop)
    for _ in range(3):
        await shop.reserved(order)
    for _ in range(3):
        await shop.captured(order)
    assert await shop.told(order) == [("order.placed", 1), ("payment.requested", 2), ("order.paid", 3)]
    assert await shop.rows("SELECT count(*) FROM tasks WHERE key = :key", key=order["id"]) == [(1,)]


async def test_events_of_an_unknown_order_are_kept_for_people(shop: Shop) -> None:
    _, order = await placed(shop)
    unknown = {**order, "id": str(uuid4())}
    with pytest.raises(UnknownOrderError):
        await shop.captured(unknown)


async def test_who_sees_an_order(shop: Shop) -> None:
    ada, order = await placed(shop)
    path = f"/api/orders/{order['id']}"
    for person, status in ((shop.customer(), 404), (shop.anybody(), 401), (shop.admin(), 200)):
        await person.get(path, status)
        await person.get(f"{path}/history", status)
    await shop.customer().post(f"{path}/cancel", status=404)
    response = await ada.ask("GET", path)
    same = await ada.ask("GET", path, if_none_match=response.headers["etag"])
    assert (same.status_code, same.content) == (304, b"")
    await ada.post(f"{path}/cancel", status=412, if_match='"9"')
    cancelled = await ada.post(f"{path}/cancel", if_match='"1"')
    assert cancelled["cancelReason"] == "by_customer"
    assert await ada.post(f"{path}/cancel") == cancelled
    _, another = await placed(shop)
    shown = await shop.admin().post(f"/api/orders/{another['id']}/cancel")
    assert shown["cancelReason"] == "by_shop"


async def test_lists_are_complete_in_order_and_searchable(shop: Shop) -> None:
    ada = shop.customer(f"Ada-{uuid4().hex[:6]}")
    lamp = await shop.product()
    orders = [await ada.order(lamp) for _ in range(5)]
    await ada.post(f"/api/orders/{orders[2]['id']}/cancel")
    newest_first = [order["id"] for order in reversed(orders)]
    found: list[str] = []
    after = ""
    while True:
        page = await ada.get(f"/api/orders?limit=2&after={after}")
        found += [item["id"] for item in page["items"]]
        after = page["nextCursor"]
        if after is None:
            break
    assert found == newest_first
    await ada.get("/api/orders?after=nonsense", 422)
    await ada.get("/api/orders/all", 403)
    admin = shop.admin()

    async def search(**query: str) -> list[str]:
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return [item["id"] for item in (await admin.get(f"/api/orders/all?{text}"))["items"]]

    assert await search(number=orders[1]["number"].lower().replace("-", "%20")) == [orders[1]["id"]]
    assert await search(number="S-0000000x") == []
    assert await search(email=f"{ada.subject}@EXAMPLE.com") == newest_first
    assert await search(email=f"{ada.subject}@example.com", state="cancelled") == [orders[2]["id"]]
    assert newest_first[0] in await search(state="placed", limit="1")
    await admin.get("/api/orders/all?state=lost", 422)


async def test_a_label_is_bought_once_though_the_answer_gets_lost(shop: Shop) -> None:
    _, order = await placed(shop)
    await shop.reserved(order)
    await shop.captured(order)
    shop.carrier.error = ExternalUnavailableError("shipping", "no answer", may_have_happened=True)
    with pytest.raises(ExternalUnavailableError):
        await shop.work("buy-label", order["id"])
    assert await state(shop, order) == "paid"
    shop.carrier.error = None
    assert await shop.work("buy-label", order["id"])
    assert await shop.work("buy-label", order["id"])
    assert list(shop.carrier.labels) == [order["id"]]
    assert (await shop.told(order))[-1] == ("order.shipped", 4)


async def test_when_the_rate_does_not_stand_any_more_its_service_is_bought(shop: Shop) -> None:
    _, order = await placed(shop)
    await shop.reserved(order)
    await shop.captured(order)
    buy = shop.carrier.buy_label

    async def only_without_rate(key: str, **given: Any) -> Any:
        if given["rate_id"] is not None:
            raise ShippingRefusedError("the rate has expired")
        return await buy(key, **given)

    shop.carrier.buy_label = only_without_rate  # type: ignore[method-assign]
    assert await shop.work("buy-label", order["id"])
    assert await state(shop, order) == "shipped"


async def test_an_order_whose_label_nobody_sells_waits_and_can_be_cancelled(shop: Shop) -> None:
    ada, order = await placed(shop)
    await shop.reserved(order)
    await shop.captured(order)
    shop.carrier.error = ShippingRefusedError("too heavy")
    assert not await shop.work("buy-label", order["id"])
    await ada.post(f"/api/orders/{order['id']}/cancel")
    assert await shop.work("buy-label", order["id"])
    shop.use(None)
    _, waiting = await placed(shop)
    await shop.reserved(waiting)
    await shop.captured(waiting)
    assert not await shop.work("buy-label", waiting["id"]), "no shipping company is configured"


async def test_a_cancellation_while_the_label_is_bought_wins(shop: Shop) -> None:
    ada, order = await placed(shop)
    await shop.reserved(order)
    await shop.captured(order)
    buy = shop.carrier.buy_label

    async def cancelled_meanwhile(key: str, **given: Any) -> Any:
        label = await buy(key, **given)
        await ada.post(f"/api/orders/{order['id']}/cancel")
        return label

    shop.carrier.buy_label = cancelled_meanwhile  # type: ignore[method-assign]
    assert await shop.work("buy-label", order["id"])
    shown = await ada.get(f"/api/orders/{order['id']}")
    assert shown["state"] == "cancelled"
    assert "order.shipped" not in dict(await shop.told(order))
    assert shown["tracking"]["trackingNumber"] == f"T-{order['number']}", "people can find the unused label"


@pytest.mark.parametrize("first", ["cancel", "capture"])
async def test_a_cancellation_against_the_money(shop: Shop, first: str) -> None:
    ada, order = await placed(shop)
    await shop.reserved(order)

    async def cancel() -> None:
        await ada.post(f"/api/orders/{order['id']}/cancel")

    async def capture() -> None:
        await shop.captured(order)

    steps = [cancel, capture] if first == "cancel" else [capture, cancel]
    await _one_after_the_other(shop, order, steps)
    kinds = [kind for kind, _ in await shop.told(order)][2:]
    assert await state(shop, order) == "cancelled"
    # Either way the payment service hears of a cancellation after the money was known.
    expected = {
        "cancel": ["order.cancelled", "order.cancelled"],
        "capture": ["order.paid", "order.cancelled"],
    }
    assert kinds == expected[first]
    versions = [version for _, version in await shop.told(order)]
    assert versions == sorted(set(versions)), "the version grows with every event"


@pytest.mark.parametrize("first", ["sweeper", "event"])
async def test_the_sweeper_against_a_late_event(shop: Shop, first: str) -> None:
    _, order = await placed(shop)
    await shop.reserved(order)
    await _make_stuck(shop, order, "expires_at")

    async def sweep() -> None:
        await shop.database.write(lambda session: shop.components.sweeper.order(session, UUID(order["id"])))

    async def capture() -> None:
        await shop.captured(order)

    steps = [sweep, capture] if first == "sweeper" else [capture, sweep]
    await _one_after_the_other(shop, order, steps)
    kinds = [kind for kind, _ in await shop.told(order)][2:]
    if first == "sweeper":
        assert (await state(shop, order), kinds) == ("cancelled", ["order.cancelled", "order.cancelled"])
    else:
        assert (await state(shop, order), kinds) == ("paid", ["order.paid"])


async def test_the_sweeper_tells_again_then_gives_up(
    database: dict[str, str], redis_settings: RedisSettings, gateway_credential: Path
) -> None:
    async with Shop(database, redis_settings, gateway_credential, tell_again_after=60) as shop:
        _, order = await placed(shop)
        await sweep(shop)
        assert await shop.told(order) == [("order.placed", 1)], "it is not stuck yet"
        await _make_stuck(shop, order, "tell_again_at")
        await sweep(shop)
        await sweep(shop)
        assert await shop.told(order) == [("order.placed", 1), ("order.placed", 2)]
        # Each time it waits longer.
        await _make_stuck(shop, order, "tell_again_at")
        await sweep(shop)
        rows = await shop.rows(
            "SELECT extract(epoch FROM tell_again_at - now()) FROM orders WHERE id = :id",
            id=UUID(order["id"]),
        )
        assert 200 < rows[0][0] <= 240
        await shop.reserved(order)
        await _make_stuck(shop, order, "tell_again_at")
        await sweep(shop)
        assert [kind for kind, _ in await shop.told(order)][3:] == ["payment.requested"] * 2
        await _make_stuck(shop, order, "expires_at")
        await sweep(shop)
        shown = await shop.admin().get(f"/api/orders/{order['id']}")
        assert (shown["state"], shown["cancelReason"]) == ("cancelled", "expired")
        history = (await shop.admin().get(f"/api/orders/{order['id']}/history"))["items"]
        assert history[-1]["cause"] == "sweeper"


async def test_the_sweeper_asks_for_the_customers_money_until_it_is_back(shop: Shop) -> None:
    ada, order = await placed(shop)
    await shop.reserved(order)
    await ada.post(f"/api/orders/{order['id']}/cancel")
    await shop.captured(order)
    await _make_stuck(shop, order, "tell_again_at")
    await sweep(shop)
    assert [kind for kind, _ in await shop.told(order)].count("order.cancelled") == 3
    total = order["total"]["amount"]
    await shop.refunded(order, total, total)
    rows = await shop.rows("SELECT tell_again_at FROM orders WHERE id = :id", id=UUID(order["id"]))
    assert rows == [(None,)]


async def test_one_order_that_cannot_be_swept_spoils_no_other(shop: Shop) -> None:
    _, broken = await placed(shop)
    _, other = await placed(shop)
    await shop.rows("UPDATE orders SET state = 'nonsense' WHERE id = :id", id=UUID(broken["id"]))
    for order in (broken, other):
        await _make_stuck(shop, order, "tell_again_at")
    await sweep(shop)
    assert await shop.told(other) == [("order.placed", 1), ("order.placed", 2)]
    await shop.rows(
        "UPDATE orders SET state = 'placed', tell_again_at = NULL WHERE id = :id", id=UUID(broken["id"])
    )


async def test_the_sweeper_removes_what_nobody_needs(shop: Shop) -> None:
    lamp = await shop.product()
    old, new = [(await shop.anybody().post("/api/carts", status=201))["id"] for _ in range(2)]
    for cart in (old, new):
        await shop.anybody().put(f"/api/carts/{cart}/lines/{lamp}", {"quantity": 1})
    await shop.rows("UPDATE carts SET touched_at = now() - interval '31 days' WHERE id = :id", id=old)
    ada = shop.customer()
    await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 1})
    await ada.checkout_request()
    await shop.rows(
        "UPDATE carts SET touched_at = now() - interval '99 days' WHERE owner = :who", who=ada.subject
    )
    await shop.rows("UPDATE shipping_quotes SET expires_at = now() - interval '1 second'")
    await sweep(shop)
    assert await shop.rows("SELECT id FROM carts WHERE id IN (:old, :new)", old=old, new=new) == [(new,)]
    assert await shop.rows("SELECT id FROM shipping_quotes") == []
    assert len((await ada.get("/api/cart"))["lines"]) == 1, "a customer's cart is kept"


async def test_an_order_can_be_told_again_at_any_time(shop: Shop) -> None:
    _, order = await placed(shop)
    expected = []
    for step, kind in (
        (None, "order.placed"),
        (shop.reserved, "payment.requested"),
        (shop.captured, "order.paid"),
    ):
        if step is not None:
            await step(order)
        await shop.database.write(
            lambda session: shop.components.transitions.apply(
                session, UUID(order["id"]), Happened(Trigger.TELL_AGAIN), cause="test"
            )
        )
        expected += [kind, kind]
    assert [kind for kind, _ in await shop.told(order)] == expected


async def sweep(shop: Shop) -> None:
    """What the periodic task does."""
    assert not await shop.work("sweep", "sweep"), "it puts itself off"


async def _make_stuck(shop: Shop, order: dict[str, Any], clock: str) -> None:
    await shop.rows(
        f"UPDATE orders SET {clock} = now() - interval '1 second' WHERE id = :id", id=UUID(order["id"])
    )


async def _one_after_the_other(
    shop: Shop, order: dict[str, Any], steps: list[Callable[[], Awaitable[None]]]
) -> None:
    """Both want the order at the same time; PostgreSQL gives it to the one that asked first."""

    async def hold(session: Any) -> list[asyncio.Task[None]]:
        await repository.lock(session, UUID(order["id"]))
        tasks = []
        for number, step in enumerate(steps, start=1):
            tasks.append(asyncio.ensure_future(step()))
            await eventually(lambda number=number: _waiting(shop, number))  # type: ignore[misc]
        return tasks

    await asyncio.gather(*await shop.database.write(hold))


async def _waiting(shop: Shop, number: int) -> bool:
    """Whether so many transactions wait for a lock."""
    rows = await shop.rows(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return bool(rows[0][0] == number)
