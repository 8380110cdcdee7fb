"""The second port: probes and metrics, which the public never reaches."""

from prometheus_client import CONTENT_TYPE_LATEST, disable_created_metrics, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from storefront_common.readiness import Readiness

# A second series beside every counter, for nobody.
disable_created_metrics()  # type: ignore[no-untyped-call]


def ops_app(readiness: Readiness) -> Starlette:
    """The application for the operations port.

    `/livez` and `/startupz` say that the process serves; they do not ask the database, because a restart would not
    mend it. `/readyz` says whether requests can be served now.
    """

    async def alive(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(request: Request) -> Response:
        obstacle = await readiness.obstacle()
        if obstacle is None:
            return PlainTextResponse("ok\n")
        return PlainTextResponse(obstacle + "\n", status_code=503)

    async def metrics(request: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/livez", alive),
            Route("/startupz", alive),
            Route("/readyz", ready),
            Route("/metrics", metrics),
        ]
    )
