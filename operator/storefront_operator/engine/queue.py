"""Which Storefront is reconciled next: one pass at a time each, all of them in turn."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque

_BASE_BACKOFF = 0.5
_MAX_BACKOFF = 60.0


class Queue:
    """Keys that wait for a worker. A key is in line at most once, and never with two workers at a time.

    First in, first out over all keys, so a busy or failing Storefront cannot starve another.
    """

    def __init__(self) -> None:
        self._line: deque[str] = deque()
        self._waiting: dict[str, float] = {}
        """When each key in line was put there."""
        self._running: set[str] = set()
        self._again: dict[str, bool] = {}
        """Keys that were added while they were worked on, and whether that was urgent."""
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._failures: dict[str, int] = {}
        self._not_before: dict[str, float] = {}
        """Of keys that have failed: the loop's time of the next attempt, whatever their children do meanwhile."""
        self._forbidden: dict[str, float] = {}
        """The same, where the API server has asked for it: then nothing hurries it."""
        self._available = asyncio.Event()

    @property
    def depth(self) -> int:
        """How many keys are in line."""
        return len(self._line)

    @property
    def age(self) -> float:
        """Seconds that the first in line has been waiting; 0 when nobody is."""
        return time.monotonic() - self._waiting[self._line[0]] if self._line else 0.0

    def add(self, key: str, *, urgent: bool = False) -> None:
        """Put a key in line now; while it is being worked on, once more afterwards; after a failure, in due time.

        What is `urgent` does not wait for the end of a backoff, only for what the API server has asked for.
        """
        if urgent:
            self._not_before[key] = self._forbidden.get(key, 0.0)
        if self._held_back(key) > 0:
            self.add_after(key, 0)
        elif key in self._running:
            self._again[key] = urgent or self._again.get(key, False)
        elif key not in self._waiting:
            self._waiting[key] = time.monotonic()
            self._line.append(key)
            self._available.set()

    def add_after(self, key: str, seconds: float) -> None:
        """Put a key in line after a delay; an earlier appointment stays, a later one is replaced."""
        loop = asyncio.get_running_loop()
        seconds = max(seconds, self._held_back(key))
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= loop.time() + seconds:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(seconds, self._due, key)

    def retry(self, key: str, at_least: float = 0.0) -> float:
        """Put a key in line after an exponential, jittered delay; returns the delay in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay: float = min(_MAX_BACKOFF, _BASE_BACKOFF * 2**failures) * random.uniform(0.75, 1.25)
        delay = max(delay, at_least)
        now = asyncio.get_running_loop().time()
        self._not_before[key] = now + delay
        self._forbidden[key] = now + at_least
        self.add_after(key, delay)
        return delay

    def succeeded(self, key: str) -> None:
        """Forget the failures of a key."""
        for memory in (self._failures, self._not_before, self._forbidden):
            memory.pop(key, None)

    def _held_back(self, key: str) -> float:
        """Seconds until a key that has failed may be tried again; negative or 0 when it may."""
        due = self._not_before.get(key)
        return 0.0 if due is None else due - asyncio.get_running_loop().time()

    async def get(self) -> str:
        """The next key; `done` must be called with it."""
        while not self._line:
            self._available.clear()
            await self._available.wait()
        key = self._line.popleft()
        del self._waiting[key]
        self._running.add(key)
        return key

    def done(self, key: str) -> None:
        """A worker has finished with a key."""
        self._running.discard(key)
        if key in self._again:
            self.add(key, urgent=self._again.pop(key))

    def forget(self, key: str) -> None:
        """Drop a key that no longer exists."""
        self.succeeded(key)
        self._again.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def _due(self, key: str) -> None:
        self._timers.pop(key, None)
        self.add(key)
