"""Consuming events only while the mail server is there."""

import asyncio
import random
from collections.abc import Mapping
from typing import Any

import structlog
from prometheus_client import Gauge
from storefront_common.events import Event
from storefront_common.external import ExternalUnavailableError
from storefront_common.messaging.consumer import StorelessHandler
from storefront_common.workers import Worker

from notification_service.delivery import MailServer

logger = structlog.stdlib.get_logger(__name__)

_REACHABLE = Gauge("mail_server_reachable", "Whether mails are being sent now, as far as this process knows")

_SHORTEST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0


class Attendance:
    """A worker around the consumer that lets go of the queue while the mail server is away.

    A message may fail four times before it is a dead letter, which takes about six minutes; a mail server may be away
    for hours. So events stay in the queue meanwhile: one outage costs a message one attempt at most.
    """

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._away = asyncio.Event()

    def watch(self, handlers: Mapping[str, StorelessHandler]) -> Mapping[str, StorelessHandler]:
        """`handlers`, from whose failures the worker learns that the server is away."""

        def watched(handler: StorelessHandler) -> StorelessHandler:
            async def handle(session: None, event: Event[Any]) -> None:
                try:
                    await handler(session, event)
                except ExternalUnavailableError:
                    self._away.set()
                    raise

            return handle

        return {kind: watched(handler) for kind, handler in handlers.items()}

    def worker(self, consumer: Worker) -> Worker:
        """`consumer`, run while the mail server is there."""
        return _Attending(self._server, self._away, consumer)


class _Attending:
    def __init__(self, server: MailServer, away: asyncio.Event, consumer: Worker) -> None:
        self._server = server
        self._away = away
        self._consumer = consumer

    async def run(self) -> None:
        while True:
            await self._wait_for_server()
            self._away.clear()
            await self._consume_until_away()

    async def _wait_for_server(self) -> None:
        pause = _SHORTEST_PAUSE
        while True:
            try:
                await self._server.check()
            except ExternalUnavailableError as error:
                _REACHABLE.set(0)
                logger.warning("events wait for the mail server", reason=error.reason)
            else:
                _REACHABLE.set(1)
                return
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _consume_until_away(self) -> None:
        consuming = asyncio.create_task(self._consumer.run())
        away = asyncio.create_task(self._away.wait())
        try:
            await asyncio.wait({consuming, away}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            away.cancel()
            consuming.cancel()
            try:
                # It finishes what it has in hand; cancelled once more, it gives that up.
                await asyncio.wait({consuming})
            except asyncio.CancelledError:
                consuming.cancel()
                raise
        if not consuming.cancelled():
            consuming.result()
