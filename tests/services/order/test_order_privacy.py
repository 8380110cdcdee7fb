"""A person's data: taken along, and forgotten."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from storefront_common.events import UserErasureRequested, UserExportRequested

from tests.services.order.shop import Person, Shop

pytestmark = pytest.mark.services


async def erase(shop: Shop, person: Person) -> UUID:
    """The id of the request to forget a person."""
    request_id = uuid4()
    subject = person.subject or ""
    await shop.hear(UserErasureRequested(request_id=request_id, subject=subject), subject, 9)
    return request_id


async def traces(shop: Shop, person: Person) -> list[str]:
    """Tables that still know the person, but for the outbox, which forgets after a day."""
    found = []
    tables = await shop.rows(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_name <> 'outbox'"
    )
    for (table,) in tables:
        rows = await shop.rows(
            f"SELECT 1 FROM {table} AS t WHERE t::text LIKE :who LIMIT 1", who=f"%{person.subject}%"
        )
        if rows and table not in ("customers", "inbox"):
            found.append(table)
    return found


async def test_export_tells_all_that_is_known(shop: Shop) -> None:
    ada = shop.customer()
    await shop.user(ada.subject or "")
    lamp = await shop.product()
    order = await ada.order(lamp, 2)
    await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 3})
    subject = ada.subject or ""
    request_id = uuid4()
    await shop.hear(UserExportRequested(request_id=request_id, subject=subject), subject, 2)
    (exported,) = await shop.events(subject, "user.data_exported")
    assert (exported.request_id, exported.service) == (request_id, "order")
    assert exported.data["customer"] == {"email": f"{subject}@shop.test", "name": "Ada"}
    assert exported.data["cart"] == [{"productId": str(lamp), "quantity": 3}]
    (told,) = exported.data["orders"]
    assert (told["number"], told["shippingAddress"]["city"]) == (order["number"], "Berlin")
    assert told["lines"][0]["quantity"] == 2
    await shop.hear(UserExportRequested(request_id=uuid4(), subject="nobody"), "nobody", 1)
    (nothing,) = await shop.events("nobody", "user.data_exported")
    assert nothing.data == {"customer": None, "cart": [], "orders": []}


async def test_a_person_is_forgotten_and_the_books_stay(shop: Shop) -> None:
    ada = shop.customer()
    await shop.user(ada.subject or "")
    lamp = await shop.product()
    sent = await ada.order(lamp)
    await shop.reserved(sent)
    await shop.captured(sent)
    await shop.work("buy-label", sent["id"])
    unpaid = await ada.order(lamp)
    await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 3})
    await ada.checkout_request()
    request_id = await erase(shop, ada)
    (erased,) = await shop.events(ada.subject or "", "user.data_erased")
    assert (erased.request_id, erased.service) == (request_id, "order")
    assert await traces(shop, ada) == []
    kept = await shop.admin().get(f"/api/orders/{sent['id']}")
    assert (kept["number"], kept["total"], kept["lines"]) == (sent["number"], sent["total"], sent["lines"])
    assert (kept["customer"], kept["shippingAddress"]) == ({"email": "", "name": ""}, None)
    cancelled = await shop.admin().get(f"/api/orders/{unpaid['id']}")
    assert (cancelled["state"], cancelled["cancelReason"]) == ("cancelled", "by_customer")
    assert (await ada.get("/api/cart"))["lines"] == []
    assert (await ada.get("/api/orders"))["items"] == []
    # Money that comes now still goes back.
    await shop.captured(unpaid)
    (first, again) = await shop.events(unpaid["id"], "order.cancelled")
    assert (first.customer.subject, again.customer.subject, again.customer.email) == (
        ada.subject,
        "erased",
        "",
    )
    # What was told of the person before is not learnt again.
    await shop.user(ada.subject or "", 8)
    assert await shop.rows("SELECT email FROM customers WHERE subject = :who", who=ada.subject) == [("",)]


async def test_a_parcel_that_is_paid_still_arrives_before_its_customer_is_forgotten(shop: Shop) -> None:
    ada = shop.customer()
    order = await ada.order(await shop.product())
    await shop.reserved(order)
    await shop.captured(order)
    await erase(shop, ada)
    await shop.work("sweep", "sweep")
    assert await shop.events(ada.subject or "", "user.data_erased") == []
    assert (await shop.admin().get(f"/api/orders/{order['id']}"))["shippingAddress"] is not None
    await shop.work("buy-label", order["id"])
    await shop.work("sweep", "sweep")
    await shop.work("sweep", "sweep")
    assert len(await shop.events(ada.subject or "", "user.data_erased")) == 1
    assert await traces(shop, ada) == []


async def test_who_was_never_here_is_forgotten_at_once(shop: Shop) -> None:
    ghost: Any = shop.customer()
    await erase(shop, ghost)
    assert len(await shop.events(ghost.subject, "user.data_erased")) == 1
