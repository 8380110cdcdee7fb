"""One's own profile: made of claims, followed by claims, changed by its owner."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from storefront_common.events import UserChanged

from tests.services.identities import ADMIN, claims
from tests.services.neighbours import Neighbours
from tests.services.user.calls import call

pytestmark = pytest.mark.services


async def test_nobody_has_no_profile(api: aiohttp.ClientSession) -> None:
    answer = await call(api, "GET", "/me")
    assert answer.status == 401
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_claims_without_the_gateway_are_not_believed(api: aiohttp.ClientSession) -> None:
    forged = {**claims("mallory"), "x-storefront-gateway": "guessed"}
    assert (await call(api, "GET", "/me", forged)).status == 401


async def test_the_first_request_makes_the_profile(
    api: aiohttp.ClientSession, neighbours: Neighbours
) -> None:
    first = await call(api, "GET", "/me", claims("anna"))
    assert first.status == 200
    assert first.body["email"] == "anna@example.com"
    assert first.body["name"] == "Anna"
    assert first.body["blocked"] is False
    assert first.headers["ETag"] == '"1"'
    told = await neighbours.heard("order", "user.changed", "anna")
    assert told.data == UserChanged(subject="anna", email="anna@example.com", name="Anna", blocked=False)
    assert (told.subject, told.aggregateversion) == ("anna", 1)
    again = await call(api, "GET", "/me", claims("anna"))
    assert again.body == first.body


async def test_concurrent_first_requests_make_one_profile(api: aiohttp.ClientSession) -> None:
    answers = await asyncio.gather(*(call(api, "GET", "/me", claims("berta")) for _ in range(12)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert {answer.body["version"] for answer in answers} == {1}
    listed = await call(api, "GET", "?subject=berta", ADMIN)
    assert len(listed.body["items"]) == 1


async def test_the_profile_follows_the_claims(api: aiohttp.ClientSession, neighbours: Neighbours) -> None:
    before = await call(api, "GET", "/me", claims("clara"))
    await neighbours.heard("order", "user.changed", "clara")
    moved = claims("clara", email="clara@new.example.com", name="Clara Neu")
    after = await call(api, "GET", "/me", moved)
    assert after.body["id"] == before.body["id"]
    assert after.body["email"] == "clara@new.example.com"
    assert after.body["name"] == "Clara Neu"
    assert after.body["version"] == 2
    told = await neighbours.heard("order", "user.changed", "clara")
    assert (told.data.email, told.data.name, told.aggregateversion) == (
        "clara@new.example.com",
        "Clara Neu",
        2,
    )


async def test_a_person_without_email_and_name_has_a_profile(api: aiohttp.ClientSession) -> None:
    answer = await call(api, "GET", "/me", claims("nemo", email=None, name=None, email_verified=False))
    assert (answer.status, answer.body["email"], answer.body["name"]) == (200, None, None)


async def test_a_chosen_name_stays_when_the_claims_change(
    api: aiohttp.ClientSession, neighbours: Neighbours
) -> None:
    await call(api, "GET", "/me", claims("dora"))
    changed = await call(api, "PATCH", "/me", claims("dora"), {"name": "Dora D.", "phone": "+49 40 123456"})
    assert (changed.status, changed.body["name"], changed.body["phone"]) == (200, "Dora D.", "+4940123456")
    later = await call(api, "GET", "/me", claims("dora", name="Dorothea"))
    assert later.body["name"] == "Dora D."
    restored = await call(api, "PATCH", "/me", claims("dora", name="Dorothea"), {"name": None, "phone": None})
    assert (restored.body["name"], restored.body["phone"]) == ("Dorothea", None)
    versions = [changed.body["version"], later.body["version"], restored.body["version"]]
    assert versions == [2, 3, 4]


async def test_a_change_that_changes_nothing_is_no_new_version(api: aiohttp.ClientSession) -> None:
    await call(api, "GET", "/me", claims("emil"))
    for change in ({}, {"name": None}, {"phone": None}):
        answer = await call(api, "PATCH", "/me", claims("emil"), change)
        assert (answer.status, answer.body["version"]) == (200, 1)


async def test_two_changes_of_one_version_do_not_overwrite_each_other(api: aiohttp.ClientSession) -> None:
    who = claims("fritz")
    tag = (await call(api, "GET", "/me", who)).headers["ETag"]
    answers = await asyncio.gather(
        *(call(api, "PATCH", "/me", who, {"name": f"Fritz {n}"}, If_Match=tag) for n in range(5))
    )
    assert sorted(answer.status for answer in answers) == [200, 412, 412, 412, 412]


async def test_an_unchanged_profile_is_not_sent_again(api: aiohttp.ClientSession) -> None:
    tag = (await call(api, "GET", "/me", claims("gerda"))).headers["ETag"]
    answer = await call(api, "GET", "/me", claims("gerda"), If_None_Match=tag)
    assert (answer.status, answer.body) == (304, None)


@pytest.mark.parametrize(
    "change",
    [{"email": "other@example.com"}, {"blocked": False}, {"name": ""}, {"phone": "call me"}, [], "x"],
)
async def test_what_cannot_be_changed_is_refused(api: aiohttp.ClientSession, change: object) -> None:
    answer = await call(api, "PATCH", "/me", claims("hans"), change)
    assert answer.status == 422
    assert answer.body["errors"]
