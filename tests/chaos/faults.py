"""Faults that a proxy lets happen. Each is a layer around calls, watches and watch events."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection

from tests.chaos.traffic import Answer, Call, Event, refusal, storefront_of

Forward = Callable[[Call], Awaitable[Answer]]


class AwayError(Exception):
    """The connection is cut without an answer; `logged` is the status that the server did answer, if any."""

    def __init__(self, logged: int = 0) -> None:
        self.logged = logged
        super().__init__("cut")


class Fault:
    """No fault: everything passes. Runs on the proxy's event loop."""

    async def answer(self, call: Call, forward: Forward) -> Answer:
        """Answer a call that is no watch; `AwayError` cuts the connection."""
        return await forward(call)

    async def open_watch(self, call: Call) -> Answer | None:
        """An answer other than the watch, or None to let it open."""
        return None

    async def event(self, call: Call, event: Event) -> list[Event]:
        """What is passed on in place of a watch event."""
        return [event]


class Crash(Fault):
    """SIGKILL of the operator at its k-th successful write about one Storefront.

    Writes go through one at a time, so exactly `k` of them have happened. `answered=False`: it dies before it
    has the answer; `answered=True`: it has the answer, and dies when it asks for the next write or falls silent.
    """

    SILENCE = 0.15  # seconds

    def __init__(self, storefront: str, k: int, kill: Callable[[], None], *, answered: bool = False) -> None:
        self.storefront, self.k, self.kill, self.answered = storefront, k, kill, answered
        self.seen = 0
        self.done = asyncio.Event()
        self.last: Call | None = None
        self._lock = asyncio.Lock()

    @property
    def happened(self) -> bool:
        """Whether the operator has been killed."""
        return self.done.is_set()

    async def answer(self, call: Call, forward: Forward) -> Answer:
        if not call.is_write:
            if self.happened:
                raise AwayError
            return await forward(call)
        async with self._lock:
            if self.happened:
                raise AwayError
            if self.seen >= self.k:
                self._die()
                raise AwayError
            answer = await forward(call)
            if answer.ok and call.concerns(self.storefront):
                self.seen += 1
                self.last = call
                if self.seen == self.k:
                    if not self.answered:
                        self._die()
                        raise AwayError(answer.status)
                    asyncio.get_running_loop().call_later(self.SILENCE, self._die)
            return answer

    async def open_watch(self, call: Call) -> Answer | None:
        if self.happened:
            raise AwayError
        return None

    def _die(self) -> None:
        if not self.happened:
            self.kill()
            self.done.set()


class Away(Fault):
    """No answer to anything: what a client sees of an API server that is not there."""

    async def answer(self, call: Call, forward: Forward) -> Answer:
        raise AwayError

    async def open_watch(self, call: Call) -> Answer | None:
        raise AwayError


class EventFault(Fault):
    """Something happens to the n-th event (from 1) of each kind of children, of each named Storefront.

    Every kind has a watch of its own, which loses or delays what is its own.
    """

    def __init__(self, targets: dict[str, int]) -> None:
        self.targets = targets
        self.counts: dict[str, Counter[str]] = {storefront: Counter() for storefront in targets}
        """Events by kind, per Storefront."""
        self.hit: dict[str, list[str]] = {storefront: [] for storefront in targets}
        """Which events were hit, per Storefront."""

    async def event(self, call: Call, event: Event) -> list[Event]:
        storefront = storefront_of(event)
        if storefront not in self.targets or call.kind == "Storefront":
            return [event]
        self.counts[storefront][call.kind] += 1
        number = self.counts[storefront][call.kind]
        if number != self.targets[storefront]:
            return [event]
        self.hit[storefront].append(
            f"{number}: {event['type']} {call.kind} {event['object']['metadata']['name']}"
        )
        return await self.strike(event)

    async def strike(self, event: Event) -> list[Event]:
        """What is passed on in place of the chosen event."""
        raise NotImplementedError


class DropEvent(EventFault):
    """The event never arrives."""

    async def strike(self, event: Event) -> list[Event]:
        return []


class DuplicateEvent(EventFault):
    """The event arrives twice."""

    async def strike(self, event: Event) -> list[Event]:
        return [event, event]


class DelayEvent(EventFault):
    """The event and all after it in the same watch arrive late."""

    def __init__(self, targets: dict[str, int], seconds: float) -> None:
        super().__init__(targets)
        self.seconds = seconds

    async def strike(self, event: Event) -> list[Event]:
        await asyncio.sleep(self.seconds)
        return [event]


class HoldWatches(Fault):
    """Watches of some kinds (default: all) cannot be opened. Lists and writes go through."""

    def __init__(self, kinds: Collection[str] | None = None) -> None:
        self.kinds = kinds

    async def open_watch(self, call: Call) -> Answer | None:
        if self.kinds is None or call.kind in self.kinds:
            raise AwayError
        return None


class ForgetHistory(Fault):
    """A watch that resumes is answered 410 Gone, once per kind: the server has compacted its history."""

    def __init__(self, which: Callable[[str], bool]) -> None:
        self.which = which
        self.told: set[str] = set()

    async def open_watch(self, call: Call) -> Answer | None:
        if call.kind in self.told or not self.which(call.kind):
            return None
        self.told.add(call.kind)
        return refusal(410, "Expired")


class StaleLists(Fault):
    """Lists are answered with what was recorded earlier, once per list."""

    def __init__(self, recorded: dict[str, Answer]) -> None:
        self.recorded = dict(recorded)
        self.served: list[str] = []

    async def answer(self, call: Call, forward: Forward) -> Answer:
        if call.verb != "list" or call.kind not in self.recorded:
            return await forward(call)
        self.served.append(call.kind)
        return self.recorded.pop(call.kind)


class RecordLists(Fault):
    """Remembers the last answer to each kind's list."""

    def __init__(self) -> None:
        self.recorded: dict[str, Answer] = {}

    async def answer(self, call: Call, forward: Forward) -> Answer:
        answer = await forward(call)
        if call.verb == "list" and answer.ok:
            self.recorded[call.kind] = answer
        return answer


class Storm(Fault):
    """A share of the calls that `which` selects is refused with a status, before it reaches the server."""

    def __init__(
        self,
        status: int,
        reason: str,
        *,
        share: float = 0.5,
        retry_after: int | None = None,
        which: Callable[[Call], bool] = lambda call: call.is_write,
        seed: int = 1,
    ) -> None:
        self.status, self.reason, self.share, self.retry_after = status, reason, share, retry_after
        self.which = which
        self.refused: list[Call] = []
        self._random = random.Random(seed)

    async def answer(self, call: Call, forward: Forward) -> Answer:
        if self.which(call) and self._random.random() < self.share:
            self.refused.append(call)
            return refusal(self.status, self.reason, self.retry_after)
        return await forward(call)


class Slow(Fault):
    """Every answer takes a random time up to `seconds`."""

    def __init__(self, seconds: float, seed: int = 1) -> None:
        self.seconds = seconds
        self.slowed = 0
        self._random = random.Random(seed)

    async def answer(self, call: Call, forward: Forward) -> Answer:
        await asyncio.sleep(self._random.uniform(0, self.seconds))
        self.slowed += 1
        return await forward(call)
