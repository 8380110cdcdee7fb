"""A key does a thing once, also when it is asked for twice at the same moment."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import idempotency
from storefront_common.database import Database
from storefront_common.problems import InvalidInputError

from tests.services.messaging.conftest import statement
from tests.services.postgres_server import PostgresServer
from tests.services.service_process import eventually

pytestmark = pytest.mark.services


class Request:
    """A request that stops in the middle: after it has claimed its key, before it is committed."""

    def __init__(self, database: Database, answer: str = "created", **claim: Any) -> None:
        self.claimed, self.go_on = asyncio.Event(), asyncio.Event()
        self.fails = False
        self._claim = {"key": "k", "request": "a cup", "scope": "anna", **claim}
        self._answer = answer
        self.result = asyncio.create_task(database.write(self._work))

    async def _work(self, session: AsyncSession) -> str:
        earlier = await idempotency.claim(session, **self._claim)
        if earlier is not None:
            return f"again: {earlier}"
        self.claimed.set()
        await self.go_on.wait()
        if self.fails:
            raise LookupError
        await idempotency.record(session, self._claim["key"], self._answer, self._claim["scope"])
        return self._answer

    async def finish(self) -> str:
        """Its answer."""
        self.go_on.set()
        return await self.result


async def one_waits(postgres: PostgresServer) -> None:
    """Return when a transaction waits for another one to end."""

    async def does_it() -> bool:
        with postgres.admin() as connection:
            row = connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
            return row is not None and row[0] == 1

    await eventually(does_it)


async def test_of_two_at_once_the_second_gets_the_answer_of_the_first(
    database: Database, postgres: PostgresServer
) -> None:
    first = Request(database)
    await first.claimed.wait()
    second = Request(database, "created twice")
    await one_waits(postgres)
    assert await first.finish() == "created"
    assert await second.finish() == "again: created"


async def test_of_two_at_once_the_second_does_it_when_the_first_fails(
    database: Database, postgres: PostgresServer
) -> None:
    first = Request(database)
    await first.claimed.wait()
    second = Request(database, "created by the second")
    await one_waits(postgres)
    first.fails = True
    with pytest.raises(LookupError):
        await first.finish()
    assert await second.finish() == "created by the second"
    assert await Request(database).finish() == "again: created by the second"


async def test_a_key_is_for_one_request(database: Database) -> None:
    await Request(database).finish()
    with pytest.raises(InvalidInputError, match="different request"):
        await Request(database, request="two cups").finish()


async def test_nobody_meets_the_keys_of_others(database: Database) -> None:
    for scope, request in (("anna", "a cup"), ("ben", "two cups"), (None, "three cups")):
        assert await Request(database, request, scope=scope, request=request).finish() == request
    for scope, request in (("anna", "a cup"), ("ben", "two cups"), (None, "three cups")):
        assert await Request(database, scope=scope, request=request).finish() == f"again: {request}"
    # Nor does who takes the separator into a key of their own.
    assert await Request(database, scope="an", key="na\0k").finish() == "created"


async def test_people_are_not_in_the_table(database: Database) -> None:
    await Request(database, scope="auth0|anna@example.com").finish()
    (row,) = await statement(database, "SELECT * FROM idempotency_keys")
    assert "anna" not in str(tuple(row))


async def test_old_keys_are_forgotten(database: Database) -> None:
    for key in ("old", "fresh"):
        await Request(database, key=key).finish()
    await statement(
        database,
        "UPDATE idempotency_keys SET created_at = now() - interval '25 hours'"
        " WHERE ctid = (SELECT min(ctid) FROM idempotency_keys)",
    )
    await Request(database, key="new").finish()
    rows = await statement(database, "SELECT count(*) FROM idempotency_keys")
    assert rows[0][0] == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "ü", "a\nb"])
def test_what_cannot_be_a_key(key: str) -> None:
    with pytest.raises(InvalidInputError):
        idempotency.check_key(key)
