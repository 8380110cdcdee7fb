"""Faults that are switched on over HTTP: an external system that is slow, fails, or acts and never answers.

Every stand-in has these endpoints:

    GET  /faults            the faults that are on
    PUT  /faults            replaces all of them; what the body leaves out is off
    GET  /faults/injected   how often each has happened since the start
"""

import asyncio
import random
from collections import Counter
from typing import Any, Generic, TypeVar

from fastapi import APIRouter
from pydantic import Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storefront_standins.schemas import Model

LONGEST_SILENCE = 120.0
"""Seconds after which even a client without any time-out is let go."""


class Faults(Model):
    """The faults that every stand-in has over HTTP. A rate is a probability per request, from 0 to 1."""

    delay_seconds: float = Field(default=0.0, ge=0, le=LONGEST_SILENCE)
    """How long every request waits before anything is done."""
    fail_rate: float = Field(default=0.0, ge=0, le=1)
    """Requests that are answered with an error; nothing is done for them."""
    timeout_after_effect_rate: float = Field(default=0.0, ge=0, le=1)
    """Requests that change something which are carried out but get no answer: the client can only time out."""


AnyFaults = TypeVar("AnyFaults", bound=Faults)


class FaultSwitch(Generic[AnyFaults]):
    """The faults of one stand-in: `current` is what is on, `injected` counts what has happened."""

    def __init__(self, off: AnyFaults) -> None:
        self.current = off
        self.injected: Counter[str] = Counter()
        self._kind = type(off)

    def strikes(self, fault: str) -> bool:
        """Whether the fault whose rate is in field `fault` happens now; counted when it does."""
        if random.random() >= getattr(self.current, fault):
            return False
        self.count(fault)
        return True

    def count(self, fault: str) -> None:
        """Count a fault that has happened."""
        self.injected[to_camel(fault)] += 1

    def router(self) -> APIRouter:
        """The endpoints under `/faults`."""
        router = APIRouter()
        kind = self._kind

        @router.get("/faults", response_model=kind)
        async def show() -> AnyFaults:
            return self.current

        async def replace(faults: AnyFaults) -> AnyFaults:
            self.current = faults
            return faults

        # The body's model is known only here.
        replace.__annotations__["faults"] = kind
        router.put("/faults", response_model=kind)(replace)

        @router.get("/faults/injected")
        async def injected() -> dict[str, int]:
            return dict(self.injected)

        return router


class FaultyTransport:
    """ASGI middleware that lets the faults of `switch` happen to requests whose path begins with a prefix."""

    def __init__(
        self, app: ASGIApp, switch: FaultSwitch[Any], prefix: str | tuple[str, ...], failure: Response
    ) -> None:
        self._app = app
        self._switch = switch
        self._prefix = prefix
        self._failure = failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, well or badly."""
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
            return
        if delay := self._switch.current.delay_seconds:
            self._switch.count("delay_seconds")
            await asyncio.sleep(delay)
        if self._switch.strikes("fail_rate"):
            await self._failure(scope, receive, send)
            return
        is_change = scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if is_change and self._switch.strikes("timeout_after_effect_rate"):
            await self._app(scope, receive, _discard)
            await _until_client_leaves(receive)
            return
        await self._app(scope, receive, send)


async def _discard(message: Message) -> None:
    """Take an answer that nobody gets."""


async def _until_client_leaves(receive: Receive) -> None:
    async def left() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(left(), LONGEST_SILENCE)
    except TimeoutError:
        return
