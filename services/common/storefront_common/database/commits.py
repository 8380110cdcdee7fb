"""Waking the workers of this process when a transaction that gives them work is committed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy.event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session


class Commits:
    """Tells listeners that something was committed. Only a hint: work of other processes is found by looking."""

    def __init__(self) -> None:
        self._bells: set[asyncio.Event] = set()

    def announce(self, session: AsyncSession) -> None:
        """Ring when the transaction of `session` is committed."""
        if self in session.info:
            return
        session.info[self] = True
        sqlalchemy.event.listen(session.sync_session, "after_commit", self._ring)

    @contextmanager
    def listen(self) -> Iterator[asyncio.Event]:
        """An event that is set by each commit; clear it before you look for work, then wait for it."""
        bell = asyncio.Event()
        self._bells.add(bell)
        try:
            yield bell
        finally:
            self._bells.discard(bell)

    def _ring(self, session: Session) -> None:
        for bell in self._bells:
            bell.set()


async def wait(bell: asyncio.Event, seconds: float) -> None:
    """Return when `bell` is set, or after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await bell.wait()
    except TimeoutError:
        pass
