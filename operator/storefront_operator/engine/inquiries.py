"""Ask the stores themselves how they are, outside of passes: a pass reads what was answered last."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from storefront_operator.components import Component, Health, Inquiry, Reason
from storefront_operator.engine import metrics

_TICK = 1.0
_SOON = 5.0
"""Seconds until a store that is not well is asked again."""
_AT_REST = 30.0
"""Seconds until a store that is well is asked again, at least."""
_SPACING = 0.5
"""Seconds between Storefronts, on average: with many of them each is asked more rarely."""
_AT_A_TIME = 8
_TIMEOUT = aiohttp.ClientTimeout(total=4, connect=2)

Question = tuple[Component, Inquiry]


@dataclass
class _Followed:
    questions: Sequence[Question]
    due: float
    healths: dict[str, Health] = field(default_factory=dict)


class Inquiries:
    """The latest judgement of every store that has a management port; `on_change(name)` tells of a new one.

    A store that cannot be reached from here keeps no judgement: its pods' probes then speak alone.
    """

    def __init__(self, on_change: Callable[[str], None]) -> None:
        self._notify = on_change
        self._followed: dict[str, _Followed] = {}
        self._slots = asyncio.Semaphore(_AT_A_TIME)

    def healths(self, storefront: str) -> Mapping[str, Health]:
        """What the stores of a Storefront said last, by component."""
        followed = self._followed.get(storefront)
        return followed.healths if followed else {}

    def follow(self, storefront: str, questions: Sequence[Question], *, settled: bool) -> None:
        """Ask these from now on, in place of earlier ones; soon unless everything is `settled`."""
        if not questions:
            self.forget(storefront)
            return
        followed = self._followed.get(storefront)
        if followed is None:
            self._followed[storefront] = _Followed(questions, time.monotonic())
            return
        followed.questions = questions
        if not settled:
            followed.due = min(followed.due, time.monotonic() + _SOON)

    def forget(self, storefront: str) -> None:
        """Ask no more about a Storefront that is gone or rests."""
        self._followed.pop(storefront, None)

    async def ask(self, component: Component, inquiry: Inquiry) -> Health | None:
        """Ask one store now; None when it cannot be reached."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            return await _ask(session, component, inquiry)

    async def run(self) -> None:
        """Ask until cancelled."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, asyncio.TaskGroup() as group:
            while True:
                now = time.monotonic()
                for name, followed in self._followed.items():
                    if followed.due <= now:
                        followed.due = float("inf")
                        group.create_task(self._ask_all(session, name, followed))
                await asyncio.sleep(_TICK)

    async def _ask_all(self, session: aiohttp.ClientSession, name: str, followed: _Followed) -> None:
        async with self._slots:
            judged = {
                component.name: health
                for component, inquiry in followed.questions
                if (health := await _ask(session, component, inquiry)) is not None
            }
        well = all(health.reason is Reason.AS_DESIRED for health in judged.values())
        pause = max(_AT_REST, _SPACING * len(self._followed)) if well else _SOON
        followed.due = time.monotonic() + pause * random.uniform(0.8, 1.2)
        if judged != followed.healths:
            followed.healths = judged
            self._notify(name)


async def _ask(session: aiohttp.ClientSession, component: Component, inquiry: Inquiry) -> Health | None:
    """The component's judgement of the answers; an error that the store itself answers with counts as None."""
    headers = {}
    if inquiry.username:
        headers["Authorization"] = aiohttp.encode_basic_auth(inquiry.username, inquiry.password)
    answers: list[Any] = []
    try:
        for path in inquiry.paths:
            async with session.get(inquiry.url + path, headers=headers) as response:
                content = await response.read()
                answers.append(orjson.loads(content) if response.status == 200 else None)
    except (aiohttp.ClientError, TimeoutError, ValueError):
        metrics.INQUIRIES.labels(component=component.name, outcome="unreachable").inc()
        return None
    metrics.INQUIRIES.labels(component=component.name, outcome="answered").inc()
    return component.judge(inquiry, answers)
