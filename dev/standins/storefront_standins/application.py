"""What the HTTP applications of all stand-ins have in common."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.responses import JSONResponse, Response

from storefront_standins.faults import FaultSwitch, FaultyTransport

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def _nothing(app: FastAPI) -> AsyncIterator[None]:
    yield


def create(
    title: str,
    faults: FaultSwitch[Any],
    *,
    faulty_prefix: str | tuple[str, ...],
    failure: Response | None = None,
    lifespan: Lifespan = _nothing,
) -> FastAPI:
    """An application with `/healthz` and `/faults`, whose requests below `faulty_prefix` suffer them.

    `failure` is the answer of a failed request (fail_rate), in the words of the system that is stood in for;
    default: a problem document with status 503. `lifespan` surrounds the time in which it serves;
    whatever it listens on besides HTTP it puts into `app.state.ports` (name → port), to be told at the start.
    """
    # The documentation pages of FastAPI load scripts from elsewhere.
    app = FastAPI(title=title, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.faults = faults
    app.state.ports = {}
    app.add_middleware(
        FaultyTransport, switch=faults, prefix=faulty_prefix, failure=failure or _service_unavailable()
    )
    app.include_router(faults.router())

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Say that it serves; faults do not touch this."""
        return {"status": "ok"}

    return app


def _service_unavailable() -> Response:
    body = {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "A fault is switched on.",
    }
    return JSONResponse(body, 503, media_type="application/problem+json")
