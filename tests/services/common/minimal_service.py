"""A service that does next to nothing, with everything that every service has.

`python -m tests.services.common.minimal_service serve`
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI
from pydantic_settings import SettingsConfigDict
from storefront_common import command_line, problems, settings
from storefront_common.command_line import Parts, ServiceCommand
from storefront_common.external import ExternalSystem
from storefront_common.identity import MaybeIdentity, install_identity
from storefront_common.workers import to_the_end

logger = structlog.stdlib.get_logger(__name__)


class PeerSettings(settings.ExternalSettings):
    """A system outside, for one that is called."""

    model_config = SettingsConfigDict(env_prefix="PEER_", frozen=True)


class Jobs:
    """A worker that does one job after the other; a job takes as many seconds as it says."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[float] = asyncio.Queue()

    async def run(self) -> None:
        """Do jobs until cancelled, the one in hand to its end."""
        logger.info("waiting for jobs")
        while True:
            seconds = await self.waiting.get()
            if seconds < 0:
                raise ValueError("a job cannot take less than no time")
            await to_the_end(self._do(seconds))

    async def _do(self, seconds: float) -> None:
        logger.info("job begun")
        await asyncio.sleep(seconds)
        logger.info("job done")


def _application(jobs: Jobs, peer: ExternalSystem) -> FastAPI:
    app = FastAPI()
    problems.install(app)
    install_identity(app, settings.load(settings.GatewaySettings))

    @app.get("/api/slow")
    async def slow(seconds: float) -> str:
        logger.info("request begun")
        await asyncio.sleep(seconds)
        return "done"

    @app.post("/api/jobs")
    async def enqueue(seconds: float) -> None:
        await jobs.waiting.put(seconds)

    @app.get("/api/who")
    async def who(identity: MaybeIdentity) -> str | None:
        return identity and identity.subject

    @app.get("/api/peer")
    async def ask_peer() -> int:
        return (await peer.call("GET", "/asked", idempotent=True)).status_code

    return app


@asynccontextmanager
async def _parts() -> AsyncIterator[Parts]:
    jobs = Jobs()
    peer = ExternalSystem("peer", settings.load(PeerSettings))
    yield Parts(api=_application(jobs, peer), workers={"jobs": jobs})
    await peer.close()
    logger.info("closed")


if __name__ == "__main__":
    command_line.run(ServiceCommand(name="minimal", description="Does next to nothing", parts=_parts))
