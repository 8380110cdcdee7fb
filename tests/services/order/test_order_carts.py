"""Carts on real PostgreSQL and Redis."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from order_service.cache import anonymous_key, owner_key
from order_service.carts import repository
from order_service.carts.schemas import MAX_LINES, MAX_QUANTITY, CartContent
from storefront_common.settings import RedisSettings

from tests.services.order.shop import Shop
from tests.services.redis_server import RedisServer
from tests.services.service_process import eventually

pytestmark = pytest.mark.services


async def test_an_anonymous_cart_is_for_whoever_knows_its_id(shop: Shop) -> None:
    lamp = await shop.product(price=1999, available=5)
    first = await shop.anybody().post("/api/carts", status=201)
    second = await shop.anybody().post("/api/carts", status=201)
    assert first["id"] != second["id"]
    assert len(first["id"]) >= 32
    cart = await shop.anybody().put(f"/api/carts/{first['id']}/lines/{lamp}", {"quantity": 2})
    (line,) = cart["lines"]
    assert (line["quantity"], line["unitPrice"]["amount"], line["lineTotal"]["amount"]) == (2, 1999, 3998)
    assert (line["available"], line["priceChanged"], cart["orderable"]) == (True, False, True)
    assert cart == await shop.anybody().get(f"/api/carts/{first['id']}")
    cart = await shop.anybody().delete(f"/api/carts/{first['id']}/lines/{lamp}")
    assert (cart["lines"], cart["orderable"]) == ([], False)


async def test_a_customers_cart_is_nobody_elses(shop: Shop) -> None:
    lamp = await shop.product()
    ada = shop.customer()
    assert await ada.get("/api/cart") == {
        "id": None, "version": 0, "lines": [], "itemCount": 0, "orderable": False,
        "subtotal": {"amount": 0, "currency": "EUR"},
    }  # fmt: skip
    cart = await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 1})
    await shop.anybody().get(f"/api/carts/{cart['id']}", 404)
    await shop.anybody().put(f"/api/carts/{cart['id']}/lines/{lamp}", {"quantity": 9}, 404)
    await shop.anybody().get("/api/cart", 401)
    assert (await shop.customer().get("/api/cart"))["lines"] == []


async def test_lines_tell_when_price_and_availability_have_changed(shop: Shop) -> None:
    lamp, chair = await shop.product(price=1000, available=5), await shop.product(price=500)
    ada = shop.customer()
    await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 5})
    await ada.put(f"/api/cart/lines/{chair}", {"quantity": 1})
    await shop.product(lamp, version=2, price=1200, available=4)
    await shop.removed(chair, 2)
    cart = await ada.get("/api/cart")
    changed, gone = cart["lines"]
    assert (changed["unitPrice"]["amount"], changed["addedPrice"]["amount"]) == (1200, 1000)
    assert (changed["priceChanged"], changed["available"], changed["availableQuantity"]) == (True, False, 4)
    assert (gone["available"], gone["name"], cart["orderable"]) == (False, "Lamp", False)
    # Put there anew, it is at the price that the customer sees.
    cart = await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 4})
    assert (cart["lines"][0]["priceChanged"], cart["lines"][0]["available"]) == (False, True)


async def test_older_news_of_a_product_is_no_news(shop: Shop) -> None:
    lamp = await shop.product(version=5, price=1000)
    await shop.product(lamp, version=4, price=9999)
    await shop.removed(lamp, 3)
    cart = await shop.customer().put(f"/api/cart/lines/{lamp}", {"quantity": 1})
    assert cart["lines"][0]["unitPrice"]["amount"] == 1000
    await shop.removed(lamp, 6)
    await shop.product(lamp, version=5)
    await shop.customer().put(f"/api/cart/lines/{lamp}", {"quantity": 1}, 409)


async def test_what_cannot_be_put_into_a_cart(shop: Shop) -> None:
    ada = shop.customer()
    await ada.put(f"/api/cart/lines/{uuid4()}", {"quantity": 1}, 404)
    lamp = await shop.product(active=False)
    await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 1}, 409)
    for quantity in (0, -1, MAX_QUANTITY + 1, "2", 1.5):
        await ada.put(f"/api/cart/lines/{lamp}", {"quantity": quantity}, 422)
    assert (await ada.get("/api/cart"))["lines"] == []


async def test_a_cart_has_room_for_so_many_products(shop: Shop) -> None:
    ada = shop.customer()
    lamps = [await shop.product() for _ in range(MAX_LINES + 1)]
    for lamp in lamps[:-1]:
        await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 1})
    await ada.put(f"/api/cart/lines/{lamps[-1]}", {"quantity": 1}, 409)
    await ada.put(f"/api/cart/lines/{lamps[0]}", {"quantity": 2})
    assert len((await ada.get("/api/cart"))["lines"]) == MAX_LINES


async def test_a_change_can_be_bound_to_the_version_that_was_seen(shop: Shop) -> None:
    lamp = await shop.product()
    ada = shop.customer()
    cart = await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 1})
    tag = f'"{cart["version"]}"'
    await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 2}, if_match=tag)
    await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 3}, 412, if_match=tag)
    assert (await ada.get("/api/cart"))["lines"][0]["quantity"] == 2


async def test_a_first_change_can_be_bound_to_there_being_no_cart(shop: Shop) -> None:
    lamp = await shop.product()
    ada = shop.customer()
    seen = await ada.get("/api/cart")
    tag = f'"{seen["version"]}"'
    await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 1}, 412, if_match='"7"')
    await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 2}, if_match=tag)
    await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 3}, 412, if_match=tag)
    assert (await ada.get("/api/cart"))["lines"][0]["quantity"] == 2


async def test_carts_are_merged_at_sign_in(shop: Shop) -> None:
    lamp, chair, desk = [await shop.product(name=name) for name in ("lamp", "chair", "desk")]
    ada = shop.customer()
    await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 2})
    await ada.put(f"/api/cart/lines/{desk}", {"quantity": MAX_QUANTITY})
    anonymous = (await shop.anybody().post("/api/carts", status=201))["id"]
    for product, quantity in ((lamp, 3), (chair, 1), (desk, 7)):
        await shop.anybody().put(f"/api/carts/{anonymous}/lines/{product}", {"quantity": quantity})
    merged = await ada.post("/api/cart/merge", {"cartId": anonymous})
    assert [(line["name"], line["quantity"]) for line in merged["lines"]] == [
        ("lamp", 5), ("desk", MAX_QUANTITY), ("chair", 1),
    ]  # fmt: skip
    await shop.anybody().get(f"/api/carts/{anonymous}", 404)
    # Once more is the same as once, also for a cart that never was.
    assert await ada.post("/api/cart/merge", {"cartId": anonymous}) == merged
    assert await ada.post("/api/cart/merge", {"cartId": "x" * 32}) == merged


async def test_merging_twice_at_once_adds_once(shop: Shop) -> None:
    lamp = await shop.product()
    ada = shop.customer()
    anonymous = (await shop.anybody().post("/api/carts", status=201))["id"]
    await shop.anybody().put(f"/api/carts/{anonymous}/lines/{lamp}", {"quantity": 3})

    # Both are stopped at the anonymous cart, and let go together.
    async def hold(session: object) -> list[object]:
        await repository.lock(session, repository.anonymous(anonymous))  # type: ignore[arg-type]
        both = [asyncio.create_task(ada.post("/api/cart/merge", {"cartId": anonymous})) for _ in range(2)]
        await eventually(lambda: _waiting(shop, 2))
        return list(both)

    both = await shop.database.write(hold)
    one, other = await asyncio.gather(*both)  # type: ignore[call-overload]
    assert one["lines"] == other["lines"]
    assert [line["quantity"] for line in one["lines"]] == [3]
    assert (await ada.get("/api/cart"))["itemCount"] == 3


async def test_carts_are_read_from_redis_and_written_to_postgresql(shop: Shop) -> None:
    lamp = await shop.product()
    ada = shop.customer()
    await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 2})
    await shop.rows("UPDATE cart_lines SET quantity = 50 WHERE product_id = :lamp", lamp=lamp)
    assert (await ada.get("/api/cart"))["itemCount"] == 2, "read from the cache"
    cart = await ada.put(f"/api/cart/lines/{await shop.product()}", {"quantity": 1})
    assert cart["itemCount"] == 51, "PostgreSQL is the truth"


async def test_the_cache_never_goes_back(shop: Shop) -> None:
    key = owner_key(f"user-{uuid4()}")
    newer = CartContent(id="c" * 32, version=8, lines=[])
    older = newer.model_copy(update={"version": 7})
    await shop.cache.put_cart(key, 8, newer)
    await shop.cache.put_cart(key, 7, older)
    assert await shop.cache.cart(key, CartContent) == newer
    await shop.cache.drop_cart(key)
    await shop.cache.put_cart(key, 9, newer)
    assert await shop.cache.cart(key, CartContent) is None


async def test_redis_keys_are_those_that_the_service_may_use() -> None:
    assert anonymous_key("x").startswith("order:")
    assert owner_key("x").startswith("order:")


async def test_without_redis_carts_are_slower_but_there(
    database: dict[str, str], redis: RedisServer, redis_settings: RedisSettings, gateway_credential: Path
) -> None:
    async with Shop(database, redis_settings, gateway_credential) as shop:
        lamp = await shop.product()
        ada = shop.customer()
        await ada.put(f"/api/cart/lines/{lamp}", {"quantity": 1})
        try:
            for harm in (redis.freeze, redis.stop):
                harm()
                for quantity in (2, 3, 4):
                    await ada.put(f"/api/cart/lines/{lamp}", {"quantity": quantity})
                    assert (await ada.get("/api/cart"))["itemCount"] == quantity
                redis.restore()
        finally:
            redis.restore()

        async def cached() -> bool:
            await ada.get("/api/cart")
            return await shop.cache.cart(owner_key(ada.subject or ""), CartContent) is not None

        await eventually(cached)


async def test_a_wrong_password_of_redis_is_no_error(
    database: dict[str, str], redis_settings: RedisSettings, gateway_credential: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("wrong", encoding="utf-8")
    for file in (wrong, tmp_path / "absent"):
        settings = redis_settings.model_copy(update={"password_file": file})
        async with Shop(database, settings, gateway_credential) as shop:
            lamp = await shop.product()
            cart = await shop.customer().put(f"/api/cart/lines/{lamp}", {"quantity": 1})
            assert cart["itemCount"] == 1


async def _waiting(shop: Shop, number: int) -> bool:
    """Whether so many transactions wait for a lock."""
    rows = await shop.rows(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return bool(rows[0][0] == number)
