"""The address book: as many as may be, one default, nobody else's."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.services.identities import ADMIN, claims
from tests.services.user.calls import Answer, call

pytestmark = pytest.mark.services

BODY = {
    "name": "Zoë Müller",
    "line1": "Große Bleichen 12",
    "postalCode": "20354",
    "city": "Hamburg",
    "country": "DE",
}


async def add(api: aiohttp.ClientSession, who: dict[str, str], key: str = "", **changes: Any) -> Answer:
    """What adding an address was answered with; `key`: the Idempotency-Key."""
    headers = {"Idempotency_Key": key} if key else {}
    return await call(api, "POST", "/me/addresses", who, {**BODY, **changes}, **headers)


async def book(api: aiohttp.ClientSession, who: dict[str, str]) -> list[dict[str, Any]]:
    """All addresses; at any time exactly one of them is the default."""
    items: list[dict[str, Any]] = (await call(api, "GET", "/me/addresses", who)).body["items"]
    assert [each["isDefault"] for each in items] == [True] * bool(items) + [False] * (len(items) - 1)
    return items


async def test_the_first_address_is_the_default_until_another_one_is(api: aiohttp.ClientSession) -> None:
    who = claims("anna")
    assert await book(api, who) == []
    first = await add(api, who)
    assert (first.status, first.body["isDefault"]) == (201, True)
    assert first.headers["Location"] == f"/api/users/me/addresses/{first.body['id']}"
    second = await add(api, who, city="Bremen")
    assert second.body["isDefault"] is False
    third = await add(api, who, city="Kiel", isDefault=True)
    assert [each["city"] for each in await book(api, who)] == ["Kiel", "Bremen", "Hamburg"]
    replaced = await call(
        api, "PUT", f"/me/addresses/{second.body['id']}", who, {**BODY, "city": "Bonn", "isDefault": True}
    )
    assert (replaced.status, replaced.body["version"]) == (200, 2)
    assert [each["city"] for each in await book(api, who)] == ["Bonn", "Kiel", "Hamburg"]
    assert (await call(api, "DELETE", f"/me/addresses/{second.body['id']}", who)).status == 204
    assert (await book(api, who))[0]["id"] == third.body["id"]


async def test_the_default_is_handed_on_and_not_dropped(api: aiohttp.ClientSession) -> None:
    who = claims("berta")
    only = await add(api, who)
    answer = await call(api, "PUT", f"/me/addresses/{only.body['id']}", who, BODY)
    assert answer.status == 409
    assert (await call(api, "DELETE", f"/me/addresses/{only.body['id']}", who)).status == 204
    assert await book(api, who) == []


async def test_there_are_twenty_at_most_however_many_are_added_at_once(api: aiohttp.ClientSession) -> None:
    who = claims("clara")
    answers = await asyncio.gather(*(add(api, who, isDefault=True) for _ in range(23)))
    assert sorted(answer.status for answer in answers) == [201] * 20 + [409] * 3
    assert len(await book(api, who)) == 20


async def test_one_key_adds_one_address(api: aiohttp.ClientSession) -> None:
    who = claims("dora")
    answers = await asyncio.gather(*(add(api, who, "k1") for _ in range(6)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 5
    assert len(await book(api, who)) == 1
    assert (await add(api, who, "k1", city="Kiel")).status == 422
    assert (await add(api, claims("other"), "k1")).status == 201


async def test_a_version_is_changed_once(api: aiohttp.ClientSession) -> None:
    who = claims("emil")
    path = f"/me/addresses/{(await add(api, who)).body['id']}"
    body = {**BODY, "isDefault": True}
    tag = (await call(api, "GET", path, who)).headers["ETag"]
    answers = await asyncio.gather(
        *(call(api, "PUT", path, who, {**body, "city": f"City {n}"}, If_Match=tag) for n in range(4))
    )
    assert sorted(answer.status for answer in answers) == [200, 412, 412, 412]
    assert (await call(api, "DELETE", path, who, If_Match=tag)).status == 412
    assert (await call(api, "DELETE", path, who, If_Match='"2"')).status == 204


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_the_addresses_of_others_do_not_exist(api: aiohttp.ClientSession, method: str) -> None:
    path = f"/me/addresses/{(await add(api, claims('fritz'))).body['id']}"
    for stranger in (claims("gerda"), ADMIN):
        body = {**BODY, "isDefault": True} if method == "PUT" else None
        assert (await call(api, method, path, stranger, body)).status == 404


async def test_what_is_no_address_is_refused(api: aiohttp.ClientSession) -> None:
    for change in ({"postalCode": "1"}, {"country": "XX"}, {"line1": ""}, {"extra": 1}):
        answer = await add(api, claims("hans"), **change)
        assert answer.status == 422
        assert answer.headers["Content-Type"] == "application/problem+json"
