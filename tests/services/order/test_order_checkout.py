"""Checkout on a real database: what the customer saw is what is ordered, and only once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from order_service.carts import repository as carts
from order_service.orders import numbers
from storefront_common.external import ExternalUnavailableError
from storefront_common.settings import RedisSettings

from tests.services.order.shop import ADDRESS, Person, Shop
from tests.services.service_process import eventually

pytestmark = pytest.mark.services


async def with_cart(shop: Shop, **product: Any) -> tuple[Person, Any]:
    """A customer with two of a product in the cart."""
    lamp = await shop.product(**product)
    ada = shop.customer()
    await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 2})
    return ada, lamp


async def test_an_order_is_what_the_customer_saw(shop: Shop) -> None:
    ada, lamp = await with_cart(shop, price=1999)
    request = await ada.checkout_request()
    response = await ada.ask("POST", "/api/orders", request, idempotency_key="first")
    assert response.status_code == 201, response.text
    order = response.json()
    assert response.headers["location"] == f"/api/orders/{order['id']}"
    assert response.headers["etag"] == '"1"'
    assert numbers.parse(order["number"]) == order["number"]
    assert (order["state"], order["version"], order["cancellable"]) == ("placed", 1, True)
    assert [order[what]["amount"] for what in ("subtotal", "shipping", "total")] == [3998, 490, 4488]
    assert order["lines"][0]["productId"] == str(lamp)
    assert order["shippingAddress"] == ADDRESS
    assert order["shippingMethod"] == {"carrier": "Test", "service": "standard"}
    assert (await ada.get("/api/cart"))["lines"] == [], "the cart is empty"
    (placed,) = await shop.events(order["id"], "order.placed")
    assert placed.customer.subject == ada.subject
    assert placed.customer.email == f"{ada.subject}@example.com"
    assert (placed.total.amount, placed.number) == (4488, order["number"])
    assert await shop.told(order) == [("order.placed", 1)]


async def test_the_same_key_gives_the_same_order(shop: Shop) -> None:
    ada, _ = await with_cart(shop)
    request = await ada.checkout_request()
    first = await ada.post("/api/orders", request, 201, idempotency_key="k")
    again = await ada.ask("POST", "/api/orders", request, idempotency_key="k")
    assert (again.status_code, again.json()) == (201, first)
    assert again.headers["idempotent-replayed"] == "true"
    await ada.post("/api/orders", {**request, "cartVersion": 99}, 422, idempotency_key="k")
    await ada.post("/api/orders", request, 422)
    # Another customer's key is another key.
    grace, _ = await with_cart(shop)
    other = await grace.post("/api/orders", await grace.checkout_request(), 201, idempotency_key="k")
    assert other["id"] != first["id"]


async def test_another_key_for_the_same_cart_gives_the_same_order(shop: Shop) -> None:
    ada, _ = await with_cart(shop)
    request = await ada.checkout_request()
    first = await ada.post("/api/orders", request, 201, idempotency_key="one")
    again = await ada.ask("POST", "/api/orders", request, idempotency_key="two")
    assert (again.status_code, again.json()) == (201, first)
    assert again.headers["idempotent-replayed"] == "true"
    # The other key means that order from now on.
    assert (await ada.post("/api/orders", request, 201, idempotency_key="two"))["id"] == first["id"]


@pytest.mark.parametrize("keys", [("same", "same"), ("one", "two")])
async def test_submitting_twice_at_once_orders_once(shop: Shop, keys: tuple[str, str]) -> None:
    ada, _ = await with_cart(shop)
    request = await ada.checkout_request()

    # Both are stopped before they see the cart, or one before the other's key, and let go together.
    async def hold(session: Any) -> list[asyncio.Task[Any]]:
        await carts.lock(session, carts.owned_by(ada.subject or ""))
        both = [
            asyncio.create_task(ada.ask("POST", "/api/orders", request, idempotency_key=key)) for key in keys
        ]
        await eventually(lambda: _waiting(shop, 2))
        return both

    answers = await asyncio.gather(*await shop.database.write(hold))
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    orders = await shop.rows("SELECT id FROM orders WHERE customer_subject = :who", who=ada.subject)
    assert len(orders) == 1
    assert await shop.told(answers[0].json()) == [("order.placed", 1)]


async def test_what_has_changed_since_the_customer_looked_is_not_ordered(shop: Shop) -> None:
    ada, lamp = await with_cart(shop, price=1000, available=5)
    request = await ada.checkout_request()
    line = request["lines"][0]
    wrong: list[dict[str, Any]] = [
        {"cartVersion": request["cartVersion"] + 1},
        {"lines": [{**line, "quantity": 1}]},
        {"lines": [{**line, "unitPrice": {"amount": 999}}]},
        {"lines": [line, line]},
        {"expectedTotal": {"amount": 1}},
        {"shippingQuoteId": str(uuid4())},
    ]
    for change in wrong:
        await ada.post("/api/orders", {**request, **change}, 409, idempotency_key=str(uuid4()))
    for change in (
        {"shippingRateId": "rate_none"},
        {"shippingAddress": {**ADDRESS, "city": "Hamburg"}},
        {"paymentMethod": ""},
        {"lines": []},
    ):
        await ada.post("/api/orders", {**request, **change}, 422, idempotency_key=str(uuid4()))
    await shop.product(lamp, version=2, price=1100, available=5)
    answer = await ada.post("/api/orders", request, 409, idempotency_key="k")
    assert answer["errors"] == [{"field": f"lines.{lamp}.unitPrice", "value": 1000, "message": "is 1100 now"}]
    await shop.product(lamp, version=3, price=1000, available=1)
    answer = await ada.post("/api/orders", request, 409, idempotency_key="k")
    assert answer["errors"][0]["message"] == "only 1 are available"
    # What was refused has left nothing: as it was when the customer looked, it can be ordered.
    await shop.product(lamp, version=4, price=1000, available=5)
    await ada.post("/api/orders", request, 201, idempotency_key="k")


async def test_who_may_order(shop: Shop) -> None:
    ada, lamp = await with_cart(shop)
    request = await ada.checkout_request()
    await shop.anybody().post("/api/orders", request, 401, idempotency_key="k")
    grace = shop.customer()
    await grace.post("/api/orders", request, 404, idempotency_key="k")
    await shop.user(ada.subject or "", 2, blocked=True)
    await shop.user(ada.subject or "", 1, blocked=False)
    await ada.post("/api/orders", request, 403, idempotency_key="k")
    await shop.user(ada.subject or "", 3, blocked=False)
    await ada.post("/api/orders", request, 201, idempotency_key="k")
    anonymous = (await shop.anybody().post("/api/carts", status=201))["id"]
    await shop.anybody().put(f"/api/carts/{anonymous}/lines/{lamp}", {"quantity": 1})
    await ada.post("/api/orders", {**request, "cartId": anonymous}, 404, idempotency_key="another")


async def test_quotes_are_those_of_the_shipping_company(shop: Shop) -> None:
    ada, lamp = await with_cart(shop)
    quote = await ada.post("/api/shipping-quotes", {"destination": ADDRESS}, 201)
    assert [rate["price"]["amount"] for rate in quote["rates"]] == [490, 980]
    assert not quote["rates"][0]["flat"]
    assert shop.carrier.weights == [1200]
    # The same for who is not signed in, by the cart's id.
    anonymous = (await shop.anybody().post("/api/carts", status=201))["id"]
    await shop.anybody().post("/api/shipping-quotes", {"cartId": anonymous, "destination": ADDRESS}, 409)
    await shop.anybody().put(f"/api/carts/{anonymous}/lines/{lamp}", {"quantity": 1})
    body = {"cartId": anonymous, "destination": ADDRESS}
    first = await shop.anybody().post("/api/shipping-quotes", body, 201, idempotency_key="k")
    assert await shop.anybody().post("/api/shipping-quotes", body, 201, idempotency_key="k") == first
    await shop.anybody().post("/api/shipping-quotes", {"destination": ADDRESS}, 401)
    await shop.anybody().post("/api/shipping-quotes", {**body, "cartId": "x" * 32}, 404)
    await ada.post("/api/shipping-quotes", {"destination": {**ADDRESS, "country": "Germany"}}, 422)


@pytest.mark.parametrize("away", [True, False])
async def test_without_the_shipping_company_the_flat_rate_applies(shop: Shop, away: bool) -> None:
    if away:
        shop.carrier.error = ExternalUnavailableError("shipping", "away", may_have_happened=False)
    else:
        shop.use(None)
    ada, _ = await with_cart(shop, price=1000)
    order = await ada.post("/api/orders", await ada.checkout_request(), 201, idempotency_key="k")
    assert order["shipping"]["amount"] == shop.settings.flat_shipping_amount
    assert order["shippingMethod"] == {"carrier": "", "service": "standard"}


async def test_a_quote_stands_for_its_cart_and_its_time(
    database: dict[str, str], redis_settings: RedisSettings, gateway_credential: Path
) -> None:
    async with Shop(database, redis_settings, gateway_credential, quote_valid=1) as shop:
        ada, lamp = await with_cart(shop)
        request = await ada.checkout_request()
        await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 2})
        stale = {**request, "cartVersion": (await ada.get("/api/cart"))["version"]}
        await ada.post("/api/orders", stale, 409, idempotency_key="k")
        request = await ada.checkout_request()
        await shop.rows("UPDATE shipping_quotes SET expires_at = now() - interval '1 second'")
        answer = await ada.post("/api/orders", request, 409, idempotency_key="k")
        assert "new one" in answer["detail"]


async def test_an_order_is_placed_though_redis_is_away(
    database: dict[str, str], gateway_credential: Path
) -> None:
    nowhere = RedisSettings(host="127.0.0.1", port=1, user="order", password_file=gateway_credential)
    async with Shop(database, nowhere, gateway_credential) as shop:
        ada, _ = await with_cart(shop)
        await ada.post("/api/orders", await ada.checkout_request(), 201, idempotency_key="k")
        assert (await ada.get("/api/cart"))["lines"] == []


async def _waiting(shop: Shop, number: int) -> bool:
    """Whether so many transactions wait for a lock."""
    rows = await shop.rows(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return bool(rows[0][0] == number)
