"""Asking the stores: a real HTTP server answers in a store's place."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import encode_basic_auth, web
from storefront_operator.api import Storefront
from storefront_operator.components import Component, Health, Inquiry, Reason
from storefront_operator.engine import inquiries as module
from storefront_operator.engine.inquiries import Inquiries
from storefront_operator.objects import Observed


class Store(Component):
    """A component whose judgement is what it is told."""

    name, condition = "store", "StoreReady"

    def context(self, storefront: Storefront, observed: Observed) -> Mapping[str, Any]:
        return {}

    def health(self, storefront: Storefront, observed: Observed) -> Health:
        raise NotImplementedError

    def judge(self, inquiry: Inquiry, answers: Sequence[Any]) -> Health:
        if answers[0] is None:
            return Health(False, Reason.FAILING_OVER, "an error")
        return Health(True, Reason.AS_DESIRED, answers[0]["said"])


@asynccontextmanager
async def answering(answers: dict[str, Any]) -> Any:
    """A server that gives `answers["body"]` with `answers["status"]`, to user monitor with password secret only."""

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != encode_basic_auth("monitor", "secret"):
            return web.Response(status=401)
        return web.json_response(answers["body"], status=answers["status"])

    app = web.Application()
    app.add_routes([web.get("/health", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_TICK", "_SOON", "_AT_REST", "_SPACING"):
        monkeypatch.setattr(module, name, 0.01)


async def test_a_judgement_is_kept_and_a_new_one_told() -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    inquiries = Inquiries(told.put_nowait)
    answers = {"body": {"said": "green"}, "status": 200}
    async with answering(answers) as url, asyncio.timeout(20):
        running = asyncio.create_task(inquiries.run())
        question = (Store(), Inquiry(url, ("/health",), 3, "monitor", "secret"))
        inquiries.follow("shop", [question], settled=True)

        assert await told.get() == "shop"
        assert inquiries.healths("shop")["store"].message == "green"

        answers["status"] = 503
        await told.get()
        assert inquiries.healths("shop")["store"].reason is Reason.FAILING_OVER

        inquiries.forget("shop")
        assert inquiries.healths("shop") == {}
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_store_out_of_reach_has_no_judgement() -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    inquiries = Inquiries(told.put_nowait)
    async with asyncio.timeout(20):
        running = asyncio.create_task(inquiries.run())
        answers = {"body": {"said": "green"}, "status": 200}
        async with answering(answers) as url:
            question = (Store(), Inquiry(url, ("/health",), 3, "monitor", "secret"))
            inquiries.follow("shop", [question], settled=True)
            await told.get()

        await told.get()  # the server is gone

        assert inquiries.healths("shop") == {}
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
