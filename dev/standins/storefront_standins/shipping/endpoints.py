"""The carrier's API, and a page that lists what was bought."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from storefront_standins.pages import page, rendered
from storefront_standins.shipping import tariff
from storefront_standins.shipping.labels import KeyReusedError, Labels, NotServedError, UnknownRateError
from storefront_standins.shipping.schemas import Label, LabelList, LabelRequest, RateList, RateRequest


def _with_key(authorization: Annotated[str, Header()] = "") -> None:
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise HTTPException(HTTPStatus.UNAUTHORIZED, "Give a key: Authorization: Bearer <key>.")


def router(labels: Labels) -> APIRouter:
    """The endpoints on `labels`."""
    router = APIRouter()
    guarded = APIRouter(prefix="/v1", dependencies=[Depends(_with_key)])

    @guarded.post("/rates")
    async def rates(request: RateRequest) -> RateList:
        """What it costs to send parcels; 422 where the country is not served."""
        country = request.destination.country
        found = tariff.rates(country, sum(each.weight_grams for each in request.parcels))
        if not found:
            raise _not_served(country)
        return RateList(rates=found)

    @guarded.post("/labels", status_code=HTTPStatus.CREATED)
    async def buy(
        request: LabelRequest,
        response: Response,
        idempotency_key: Annotated[str, Header(min_length=1, max_length=255)],
    ) -> Label:
        """Buy a label: once per key; 409 when the key was used for another request."""
        try:
            label, repeated = labels.buy(idempotency_key, request)
        except KeyReusedError:
            raise HTTPException(
                HTTPStatus.CONFLICT, "This Idempotency-Key was used for another label."
            ) from None
        except NotServedError as error:
            raise _not_served(str(error)) from None
        except UnknownRateError:
            raise HTTPException(
                HTTPStatus.UNPROCESSABLE_ENTITY, "The rate was quoted for other parcels."
            ) from None
        if repeated:
            response.headers["Idempotent-Replayed"] = "true"
        return label

    @guarded.get("/labels")
    async def list_labels(reference: str | None = None) -> LabelList:
        """List the labels, of one reference or all."""
        return LabelList(items=list(labels.search(reference)))

    @guarded.get("/labels/{label_id}")
    async def show(label_id: str) -> Label:
        """Show one label."""
        return _existing(labels, label_id)

    router.include_router(guarded)

    @router.get("/v1/labels/{label_id}/document")
    async def document(label_id: str) -> Response:
        """The label to print."""
        label = _existing(labels, label_id)
        return Response(rendered("label.svg", label=label, bars=_bars(label)), media_type="image/svg+xml")

    @router.get("/", response_class=HTMLResponse)
    async def index() -> Response:
        """The page that lists the labels."""
        return page("shipping.html", labels=list(labels.search()))

    return router


async def problem(request: Request, error: Exception) -> Response:
    """An HTTP error as a problem document."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    body = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": error.detail}
    return JSONResponse(body, status, media_type="application/problem+json")


def _not_served(country: str) -> HTTPException:
    return HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"Nothing is sent to {country}.")


def _existing(labels: Labels, label_id: str) -> Label:
    label = labels.find(label_id)
    if label is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no label {label_id}.")
    return label


def _bars(label: Label) -> list[tuple[int, int]]:
    """Position and width of the bars drawn for a tracking number: for the eye, no scanner reads them."""
    bars, position = [], 0
    for character in label.tracking_number:
        for bit in f"{ord(character):07b}":
            width = 3 if bit == "1" else 1
            bars.append((position, width))
            position += width + 2
    return bars
