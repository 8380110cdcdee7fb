"""What administrators see and do, and what becomes of who is blocked."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest

from tests.services.identities import ADMIN, claims
from tests.services.neighbours import Neighbours
from tests.services.user.calls import call
from tests.services.user.test_addresses_api import BODY

pytestmark = pytest.mark.services

NOBODY = UUID(int=0)


async def profile(api: aiohttp.ClientSession, subject: str, **more: Any) -> str:
    """The id of that person's profile."""
    answer = await call(api, "GET", "/me", claims(subject, **more))
    assert answer.status == 200
    user_id: str = answer.body["id"]
    return user_id


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""), ("GET", "/actions"), ("GET", "/erasures"), ("GET", f"/erasures/{NOBODY}"),
        ("GET", f"/{NOBODY}"), ("DELETE", f"/{NOBODY}"), ("POST", f"/{NOBODY}/block"),
        ("POST", f"/{NOBODY}/unblock"),
    ],
)  # fmt: skip
async def test_only_administrators_may(api: aiohttp.ClientSession, method: str, path: str) -> None:
    body = {"reason": "x"} if method == "POST" else None
    assert (await call(api, method, path, claims("anna"), body)).status == 403
    assert (await call(api, method, path, None, body)).status == 401


async def test_users_are_listed_from_new_to_old_page_by_page(api: aiohttp.ClientSession) -> None:
    made = [await profile(api, f"paged{n}", name=f"Paged Person{n}") for n in range(7)]
    seen: list[str] = []
    after = ""
    while True:
        page = (await call(api, "GET", f"?q=paged&limit=3&after={after}", ADMIN)).body
        seen += [user["id"] for user in page["items"]]
        if page["nextCursor"] is None:
            break
        after = page["nextCursor"]
        # Who comes meanwhile stands before what was read, and moves nothing.
        await profile(api, f"late{len(seen)}", name="Paged Late")
    assert seen == made[::-1]


@pytest.mark.parametrize("query", ["zoë", "MÜLL", "mül zoë", "zoe.m@some", "some-shop", "some.example"])
async def test_users_are_found_by_beginnings_of_words(api: aiohttp.ClientSession, query: str) -> None:
    wanted = await profile(api, "zoe", name="Zoë Müller", email="zoe.m@some-shop.example")
    await profile(api, "max", name="Max Miller", email="max@example.com")
    found = (await call(api, "GET", f"?q={query}", ADMIN)).body["items"]
    assert [user["id"] for user in found] == [wanted]


@pytest.mark.parametrize("query", ["üller", "zzz", "%", "'", "zoë max", "!&|"])
async def test_others_are_not_found(api: aiohttp.ClientSession, query: str) -> None:
    await profile(api, "zoe", name="Zoë Müller", email="zoe.m@some-shop.example")
    found = await call(api, "GET", "?q=" + query.replace("%", "%25").replace("&", "%26"), ADMIN)
    assert (found.status, found.body["items"]) == (200, [])


async def test_one_user_is_shown_with_addresses(api: aiohttp.ClientSession) -> None:
    user_id = await profile(api, "berta")
    await call(api, "POST", "/me/addresses", claims("berta"), BODY)
    shown = await call(api, "GET", f"/{user_id}", ADMIN)
    assert (shown.status, shown.body["subject"]) == (200, "berta")
    assert [address["city"] for address in shown.body["addresses"]] == ["Hamburg"]
    assert (await call(api, "GET", f"/{uuid4()}", ADMIN)).status == 404
    assert (await call(api, "GET", "/nobody", ADMIN)).status == 404


async def test_who_is_blocked_may_only_read_and_export(
    api: aiohttp.ClientSession, neighbours: Neighbours
) -> None:
    who = claims("clara")
    user_id = await profile(api, "clara")
    address = (await call(api, "POST", "/me/addresses", who, BODY)).body["id"]
    answer = await call(api, "POST", f"/{user_id}/block", ADMIN, {"reason": "Chargebacks"})
    assert (answer.status, answer.body["blocked"]) == (200, True)
    await neighbours.heard("order", "user.changed", "clara")
    assert (await neighbours.heard("order", "user.changed", "clara")).data.blocked is True

    for method, path, body in (
        ("PATCH", "/me", {"name": "C"}),
        ("POST", "/me/addresses", BODY),
        ("PUT", f"/me/addresses/{address}", {**BODY, "isDefault": True}),
        ("DELETE", f"/me/addresses/{address}", None),
        ("DELETE", "/me", None),
    ):
        refused = await call(api, method, path, who, body)
        assert refused.status == 403, (method, path)
        assert refused.headers["Content-Type"] == "application/problem+json"
    for path in ("/me", "/me/addresses", f"/me/addresses/{address}"):
        assert (await call(api, "GET", path, who)).status == 200
    assert (await call(api, "POST", "/me/exports", who)).status == 202

    answer = await call(api, "POST", f"/{user_id}/unblock", ADMIN, {"reason": "Sorted out"})
    assert (answer.status, answer.body["blocked"]) == (200, False)
    assert (await neighbours.heard("order", "user.changed", "clara")).data.blocked is False
    assert (await call(api, "PATCH", "/me", who, {"name": "C"})).status == 200


async def test_what_administrators_did_is_written_down_once(api: aiohttp.ClientSession) -> None:
    user_id = await profile(api, "dora")
    for _ in range(2):
        assert (await call(api, "POST", f"/{user_id}/block", ADMIN, {"reason": "Fraud"})).status == 200
    await call(api, "POST", f"/{user_id}/unblock", ADMIN, {"reason": "A mistake"})
    actions = (await call(api, "GET", f"/actions?userId={user_id}", ADMIN)).body["items"]
    assert [(each["action"], each["reason"], each["admin"]) for each in actions] == [
        ("unblock", "A mistake", "admin"),
        ("block", "Fraud", "admin"),
    ]
    first = await call(api, "GET", f"/actions?userId={user_id}&limit=1", ADMIN)
    rest = await call(api, "GET", f"/actions?userId={user_id}&after={first.body['nextCursor']}", ADMIN)
    assert first.body["items"] + rest.body["items"] == actions


async def test_a_block_needs_a_reason_and_the_version_that_was_seen(api: aiohttp.ClientSession) -> None:
    user_id = await profile(api, "emil")
    for reason in ({}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 501}):
        assert (await call(api, "POST", f"/{user_id}/block", ADMIN, reason)).status == 422
    stale = await call(api, "POST", f"/{user_id}/block", ADMIN, {"reason": "x"}, If_Match='"7"')
    assert stale.status == 412
    assert (await call(api, "POST", f"/{uuid4()}/block", ADMIN, {"reason": "x"})).status == 404


async def test_nobody_blocks_themselves_and_a_blocked_administrator_is_none(
    api: aiohttp.ClientSession,
) -> None:
    boss = claims("boss", roles=("admin",))
    boss_id = await profile(api, "boss")
    own = await call(api, "POST", f"/{boss_id}/block", boss, {"reason": "x"})
    assert own.status == 409
    assert (await call(api, "POST", f"/{boss_id}/block", ADMIN, {"reason": "Stolen"})).status == 200
    assert (await call(api, "GET", "", boss)).status == 403
    unblock = await call(api, "POST", f"/{boss_id}/unblock", boss, {"reason": "It was not"})
    assert unblock.status == 403


async def test_blocked_users_are_listed_alone(api: aiohttp.ClientSession) -> None:
    user_id = await profile(api, "fritz", name="Filter Fritz")
    await profile(api, "frieda", name="Filter Frieda")
    await call(api, "POST", f"/{user_id}/block", ADMIN, {"reason": "x"})
    listed = (await call(api, "GET", "?q=filter&blocked=true", ADMIN)).body["items"]
    assert [user["subject"] for user in listed] == ["fritz"]


@pytest.mark.parametrize("query", ["?after=x", "?limit=0", "?limit=101", "?blocked=perhaps", "?sort=x"])
async def test_bad_queries_are_refused(api: aiohttp.ClientSession, query: str) -> None:
    assert (await call(api, "GET", query, ADMIN)).status == 422
