"""A copy of one's data: collected from all services, kept for a while."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from storefront_common.events import UserDataExported

from tests.services.identities import ADMIN, claims
from tests.services.neighbours import Neighbours
from tests.services.postgres_server import PostgresServer
from tests.services.service_process import eventually
from tests.services.user.calls import Answer, call
from tests.services.user.test_addresses_api import BODY
from tests.services.user.test_administration_api import profile

pytestmark = pytest.mark.services

ORDERS = {
    "orders": [{"number": "S-2K7Q9M", "total": {"amount": 1890, "currency": "EUR"}, "note": "für Zoë \u0000"}]
}


async def answer(neighbours: Neighbours, export: Answer, service: str, data: dict[str, Any]) -> None:
    """Hand over what `service` holds."""
    said = UserDataExported(request_id=UUID(export.body["id"]), service=service, data=data)
    await neighbours.tell(service, said)


async def complete(api: aiohttp.ClientSession, export: Answer, who: dict[str, str]) -> dict[str, Any]:
    """The export, once it is complete."""
    return await waiting_for(api, export, who, [])


async def waiting_for(
    api: aiohttp.ClientSession, export: Answer, who: dict[str, str], outstanding: list[str]
) -> dict[str, Any]:
    """The export, once only these services have not answered."""

    async def shown() -> dict[str, Any] | None:
        body: dict[str, Any] = (await call(api, "GET", f"/me/exports/{export.body['id']}", who)).body
        return body if body["outstanding"] == outstanding else None

    view: dict[str, Any] = await eventually(shown)
    return view


async def test_a_copy_holds_what_all_services_hold(
    api: aiohttp.ClientSession, neighbours: Neighbours
) -> None:
    who = claims("anna")
    user_id = await profile(api, "anna")
    await call(api, "POST", "/me/addresses", who, BODY)
    await call(api, "POST", f"/{user_id}/block", ADMIN, {"reason": "Late"})
    export = await call(api, "POST", "/me/exports", who)
    assert export.status == 202
    assert export.headers["Location"] == f"/api/users/me/exports/{export.body['id']}"
    assert (export.body["status"], export.body["outstanding"]) == ("collecting", ["order", "payment"])
    assert export.body["document"] is None
    for queue in ("order", "payment"):
        told = await neighbours.heard(queue, "user.export_requested", "anna")
        assert str(told.data.request_id) == export.body["id"]

    await answer(neighbours, export, "order", ORDERS)
    await waiting_for(api, export, who, ["payment"])
    await answer(neighbours, export, "order", {"orders": "another answer of the same service"})
    await answer(neighbours, export, "weather", {"x": 1})
    await answer(neighbours, export, "payment", {"payments": []})
    view = await complete(api, export, who)
    assert view["outstanding"] == []
    document = view["document"]
    assert document["subject"] == "anna"
    assert set(document["services"]) == {"user", "order", "payment"}
    assert document["services"]["order"] == ORDERS
    own = document["services"]["user"]
    assert own["profile"]["email"] == "anna@example.com"
    assert [each["city"] for each in own["addresses"]] == ["Hamburg"]
    assert [(each["action"], each["reason"]) for each in own["blocks"]] == [("block", "Late")]


async def test_answers_at_the_same_moment_complete_it(
    api: aiohttp.ClientSession, neighbours: Neighbours
) -> None:
    for number in range(5):
        who = claims(f"twin{number}")
        export = await call(api, "POST", "/me/exports", who)
        await asyncio.gather(*(answer(neighbours, export, each, {}) for each in ("order", "payment")))
        await complete(api, export, who)


async def test_one_that_is_being_collected_is_not_begun_anew(
    api: aiohttp.ClientSession, neighbours: Neighbours
) -> None:
    who = claims("berta")
    first = await call(api, "POST", "/me/exports", who)
    assert (await call(api, "POST", "/me/exports", who)).body["id"] == first.body["id"]
    for service in ("order", "payment"):
        await answer(neighbours, first, service, {})
    await complete(api, first, who)
    assert (await call(api, "POST", "/me/exports", who)).body["id"] != first.body["id"]


async def test_one_key_requests_one_copy(api: aiohttp.ClientSession) -> None:
    who = claims("clara")
    answers = [await call(api, "POST", "/me/exports", who, Idempotency_Key="k") for _ in range(2)]
    assert answers[0].body == answers[1].body
    assert ["Idempotent-Replayed" in each.headers for each in answers] == [False, True]


async def test_the_copies_of_others_do_not_exist(api: aiohttp.ClientSession) -> None:
    export = await call(api, "POST", "/me/exports", claims("dora"))
    for who in (claims("emil"), ADMIN):
        assert (await call(api, "GET", f"/me/exports/{export.body['id']}", who)).status == 404
    assert (await call(api, "GET", f"/me/exports/{uuid4()}", claims("dora"))).status == 404


async def test_a_copy_is_removed_when_its_time_is_over(
    api: aiohttp.ClientSession, neighbours: Neighbours, postgres: PostgresServer, database_name: str
) -> None:
    who = claims("fritz")
    export = await call(api, "POST", "/me/exports", who)
    for service in ("order", "payment"):
        await answer(neighbours, export, service, {"x": "SECRET"})
    await complete(api, export, who)
    key = export.body["id"]
    with postgres.admin(database_name) as connection:
        connection.execute("UPDATE exports SET expires_at = now() WHERE id = %s", [key])
        assert (await call(api, "GET", f"/me/exports/{key}", who)).status == 404
        connection.execute("UPDATE tasks SET run_at = now() WHERE key = %s", [key])

        async def is_gone() -> bool:
            left = connection.execute(
                "SELECT 1 FROM export_parts WHERE export_id = %s UNION SELECT 1 FROM tasks WHERE key = %s",
                [key, key],
            )
            return left.fetchone() is None

        await eventually(is_gone)


async def test_who_does_not_answer_is_asked_again(
    api: aiohttp.ClientSession, neighbours: Neighbours, postgres: PostgresServer, database_name: str
) -> None:
    export = await call(api, "POST", "/me/exports", claims("gerda"))
    await neighbours.heard("order", "user.export_requested", "gerda")
    with postgres.admin(database_name) as connection:
        connection.execute("UPDATE tasks SET run_at = now() WHERE key = %s", [export.body["id"]])
    again = await neighbours.heard("order", "user.export_requested", "gerda")
    assert str(again.data.request_id) == export.body["id"]
