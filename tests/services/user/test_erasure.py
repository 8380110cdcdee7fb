"""Forgetting people: here at once, elsewhere when the services say so, and nothing brings them back."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from storefront_common.events import UserDataErased, UserDataExported

from tests.services.identities import ADMIN, claims
from tests.services.neighbours import Neighbours
from tests.services.postgres_server import PostgresServer
from tests.services.service_process import eventually
from tests.services.user.calls import call
from tests.services.user.test_addresses_api import BODY
from tests.services.user.test_administration_api import profile

pytestmark = pytest.mark.services


def everything(postgres: PostgresServer, database_name: str) -> str:
    """All rows of all tables, as text."""
    with postgres.admin(database_name) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        return "\n".join(
            str(connection.execute(f"SELECT t::text FROM {name} t").fetchall()) for (name,) in tables
        )


async def finished(api: aiohttp.ClientSession, who: dict[str, str]) -> None:
    """Return when nothing is outstanding any more."""

    async def erased() -> bool:
        return bool((await call(api, "GET", "/me/erasure", who)).body["status"] == "erased")

    await eventually(erased)


async def test_a_person_is_forgotten_everywhere(
    api: aiohttp.ClientSession, neighbours: Neighbours, postgres: PostgresServer, database_name: str
) -> None:
    who = claims("anna", email="anna@forget.example", name="Anna Vergissmich")
    user_id = await profile(api, "anna", email="anna@forget.example", name="Anna Vergissmich")
    key = {"Idempotency_Key": "k"}
    await call(api, "POST", "/me/addresses", who, {**BODY, "name": "Anna Vergissmich"}, **key)
    await call(api, "POST", "/me/exports", who, **key)
    await call(api, "POST", f"/{user_id}/block", ADMIN, {"reason": "Frau Vergissmich pays late"})
    await call(api, "POST", f"/{user_id}/unblock", ADMIN, {"reason": "Frau Vergissmich has paid"})
    assert "Vergissmich" in everything(postgres, database_name)

    asked = await call(api, "DELETE", "/me", who)
    assert asked.status == 202
    assert asked.headers["Location"] == "/api/users/me/erasure"
    assert (asked.body["status"], asked.body["outstanding"]) == ("erasing", ["order", "payment"])
    for queue in ("order", "payment"):
        told = await neighbours.heard(queue, "user.erasure_requested", "anna")
        assert (str(told.data.request_id), told.data.subject) == (asked.body["id"], "anna")
    left = everything(postgres, database_name)
    assert "Vergissmich" not in left
    assert "anna@forget.example" not in left

    request_id = UUID(asked.body["id"])
    await neighbours.tell("payment", UserDataErased(request_id=request_id, service="payment"))

    async def payment_is_done() -> bool:
        return bool((await call(api, "GET", "/me/erasure", who)).body["outstanding"] == ["order"])

    await eventually(payment_is_done)
    # The event still names whom to forget; not any more once all are done.
    assert "anna" in everything(postgres, database_name)
    await neighbours.tell("order", UserDataErased(request_id=request_id, service="order"))
    await finished(api, who)
    assert "anna" not in everything(postgres, database_name)


async def test_who_was_erased_does_not_come_back(api: aiohttp.ClientSession) -> None:
    who = claims("berta")
    await profile(api, "berta")
    first = await call(api, "DELETE", "/me", who)
    for method, path, body in (
        ("GET", "/me", None),
        ("PATCH", "/me", {"name": "B"}),
        ("POST", "/me/addresses", BODY),
        ("POST", "/me/exports", None),
    ):
        assert (await call(api, method, path, who, body)).status == 410, (method, path)
    again = await call(api, "DELETE", "/me", who)
    assert (again.status, again.body) == (202, first.body)
    assert (await call(api, "GET", "?subject=berta", ADMIN)).body["items"] == []


async def test_somebody_whom_only_other_services_know_is_erased_too(
    api: aiohttp.ClientSession, neighbours: Neighbours
) -> None:
    assert (await call(api, "GET", "/me/erasure", claims("clara"))).status == 404
    assert (await call(api, "DELETE", "/me", claims("clara"))).status == 202
    await neighbours.heard("order", "user.erasure_requested", "clara")


async def test_requests_at_the_same_moment_make_no_profile_of_the_erased(api: aiohttp.ClientSession) -> None:
    for number in range(5):
        who = claims(f"racer{number}")
        answers = await asyncio.gather(
            *(call(api, "DELETE" if n == 3 else "GET", "/me", who) for n in range(8))
        )
        assert {answer.status for answer in answers} <= {200, 202, 410}
        assert (await call(api, "GET", "/me", who)).status == 410
        listed = await call(api, "GET", f"?subject=racer{number}", ADMIN)
        assert listed.body["items"] == []


async def test_one_erasure_however_often_it_is_asked_for(api: aiohttp.ClientSession) -> None:
    who = claims("dora")
    await profile(api, "dora")
    answers = await asyncio.gather(*(call(api, "DELETE", "/me", who) for _ in range(6)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.body["id"] for answer in answers}) == 1


async def test_the_last_two_answers_at_the_same_moment_complete_it(
    api: aiohttp.ClientSession, neighbours: Neighbours
) -> None:
    for number in range(5):
        who = claims(f"twin{number}")
        request_id = UUID((await call(api, "DELETE", "/me", who)).body["id"])
        await asyncio.gather(
            *(
                neighbours.tell(service, UserDataErased(request_id=request_id, service=service))
                for service in ("order", "payment")
            )
        )
        await finished(api, who)


async def test_answers_that_say_nothing_new_change_nothing(
    api: aiohttp.ClientSession, neighbours: Neighbours
) -> None:
    who = claims("emil")
    request_id = UUID((await call(api, "DELETE", "/me", who)).body["id"])
    await neighbours.tell("order", UserDataErased(request_id=uuid4(), service="order"))
    await neighbours.tell("weather", UserDataErased(request_id=request_id, service="weather"))
    said = await neighbours.tell("order", UserDataErased(request_id=request_id, service="order"))
    await neighbours.send(said)
    await neighbours.tell("order", UserDataErased(request_id=request_id, service="order"))
    await neighbours.tell("payment", UserDataErased(request_id=request_id, service="payment"))
    await finished(api, who)
    await neighbours.tell("payment", UserDataErased(request_id=request_id, service="payment"))

    async def all_taken() -> bool:
        return await neighbours.depth("user") == 0

    await eventually(all_taken)
    assert await neighbours.depth("user.dead") == 0


async def test_data_that_arrives_late_is_not_kept(
    api: aiohttp.ClientSession, neighbours: Neighbours, postgres: PostgresServer, database_name: str
) -> None:
    who = claims("fritz")
    export_id = UUID((await call(api, "POST", "/me/exports", who)).body["id"])
    request_id = UUID((await call(api, "DELETE", "/me", who)).body["id"])
    await neighbours.tell(
        "order", UserDataExported(request_id=export_id, service="order", data={"x": "LATE"})
    )
    await neighbours.tell("order", UserDataErased(request_id=request_id, service="order"))
    await neighbours.tell("payment", UserDataErased(request_id=request_id, service="payment"))
    await finished(api, who)
    assert "LATE" not in everything(postgres, database_name)


async def test_who_does_not_answer_is_asked_again(
    api: aiohttp.ClientSession, neighbours: Neighbours, postgres: PostgresServer, database_name: str
) -> None:
    request_id = (await call(api, "DELETE", "/me", claims("gerda"))).body["id"]
    await neighbours.heard("payment", "user.erasure_requested", "gerda")

    def pass_the_hour() -> None:
        with postgres.admin(database_name) as connection:
            connection.execute("UPDATE tasks SET run_at = now() WHERE key = %s", [request_id])

    pass_the_hour()
    again = await neighbours.heard("payment", "user.erasure_requested", "gerda")
    assert str(again.data.request_id) == request_id
    for service in ("order", "payment"):
        await neighbours.tell(service, UserDataErased(request_id=UUID(request_id), service=service))
    await finished(api, claims("gerda"))
    pass_the_hour()

    async def task_is_gone() -> bool:
        with postgres.admin(database_name) as connection:
            return connection.execute("SELECT 1 FROM tasks WHERE key = %s", [request_id]).fetchone() is None

    await eventually(task_is_gone)


async def test_administrators_erase_and_see_what_is_outstanding(api: aiohttp.ClientSession) -> None:
    user_id = await profile(api, "hans")
    await call(api, "POST", f"/{user_id}/block", ADMIN, {"reason": "Hans is a fraud"})
    asked = await call(api, "DELETE", f"/{user_id}", ADMIN)
    assert asked.status == 202
    shown = await call(api, "GET", asked.headers["Location"].removeprefix("/api/users"), ADMIN)
    assert (shown.status, shown.body["outstanding"]) == (200, ["order", "payment"])
    newest = (await call(api, "GET", "/erasures?limit=1", ADMIN)).body
    assert newest["items"] == [shown.body]
    older = await call(api, "GET", f"/erasures?after={newest['nextCursor']}", ADMIN)
    assert shown.body not in older.body["items"]
    assert (await call(api, "DELETE", f"/{user_id}", ADMIN)).body == shown.body
    assert (await call(api, "GET", f"/{user_id}", ADMIN)).status == 404
    actions: list[dict[str, Any]] = (await call(api, "GET", f"/actions?userId={user_id}", ADMIN)).body[
        "items"
    ]
    assert [(each["action"], each["reason"]) for each in actions] == [("erase", None), ("block", None)]
    for path in (f"/{uuid4()}", f"/erasures/{uuid4()}"):
        method = "GET" if "erasures" in path else "DELETE"
        assert (await call(api, method, path, ADMIN)).status == 404
