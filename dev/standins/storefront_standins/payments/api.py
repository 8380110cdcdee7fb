"""The addresses of Stripe's API that the sandbox answers."""

from typing import Any

from fastapi import APIRouter, Request, Response

from storefront_standins.payments import objects, parameters, search
from storefront_standins.payments.intents import Intents
from storefront_standins.payments.parameters import check
from storefront_standins.payments.protocol import Call, Protocol
from storefront_standins.payments.refunds import Refunds
from storefront_standins.payments.store import Store

Thing = dict[str, Any]
Given = dict[str, Any]


def router(protocol: Protocol, store: Store, intents: Intents, refunds: Refunds) -> APIRouter:
    """The calls below /v1."""
    api = APIRouter(prefix="/v1")

    @api.post("/payment_intents")
    async def create_intent(request: Request) -> Response:
        return await protocol.answer(
            request, lambda given: intents.create(check(parameters.IntentCreation, given))
        )

    @api.get("/payment_intents")
    async def list_intents(request: Request) -> Response:
        return await protocol.answer(request, _listing(store, "payment_intent", request.url.path))

    @api.get("/payment_intents/search")
    async def search_intents(request: Request) -> Response:
        def call(given: Given) -> Thing:
            wanted = check(parameters.Search, given)
            found = [intent for intent in store.every("payment_intent") if search.parse(wanted.query)(intent)]
            return {
                "object": "search_result",
                "data": found[: wanted.limit],
                "has_more": len(found) > wanted.limit,
                "url": request.url.path,
            }

        return await protocol.answer(request, call)

    @api.get("/payment_intents/{identifier}")
    async def retrieve_intent(request: Request, identifier: str) -> Response:
        return await protocol.answer(request, _reading(lambda: intents.retrieve(identifier)))

    @api.post("/payment_intents/{identifier}/confirm")
    async def confirm_intent(request: Request, identifier: str) -> Response:
        return await protocol.answer(
            request, lambda given: intents.confirm(identifier, check(parameters.IntentConfirmation, given))
        )

    @api.post("/payment_intents/{identifier}/capture")
    async def capture_intent(request: Request, identifier: str) -> Response:
        return await protocol.answer(
            request, lambda given: intents.capture(identifier, check(parameters.IntentCapture, given))
        )

    @api.post("/payment_intents/{identifier}/cancel")
    async def cancel_intent(request: Request, identifier: str) -> Response:
        return await protocol.answer(
            request, lambda given: intents.cancel(identifier, check(parameters.IntentCancellation, given))
        )

    @api.post("/refunds")
    async def create_refund(request: Request) -> Response:
        return await protocol.answer(
            request, lambda given: refunds.create(check(parameters.RefundCreation, given))
        )

    @api.get("/refunds")
    async def list_refunds(request: Request) -> Response:
        return await protocol.answer(request, _listing(store, "refund", request.url.path))

    @api.get("/refunds/{identifier}")
    async def retrieve_refund(request: Request, identifier: str) -> Response:
        return await protocol.answer(request, _reading(lambda: refunds.retrieve(identifier)))

    @api.get("/charges/{identifier}")
    async def retrieve_charge(request: Request, identifier: str) -> Response:
        return await protocol.answer(request, _reading(lambda: store.get("charge", identifier)))

    @api.get("/disputes")
    async def list_disputes(request: Request) -> Response:
        return await protocol.answer(request, _listing(store, "dispute", request.url.path))

    @api.get("/disputes/{identifier}")
    async def retrieve_dispute(request: Request, identifier: str) -> Response:
        return await protocol.answer(request, _reading(lambda: store.get("dispute", identifier)))

    @api.get("/events")
    async def list_events(request: Request) -> Response:
        return await protocol.answer(request, _listing(store, "event", request.url.path))

    @api.get("/events/{identifier}")
    async def retrieve_event(request: Request, identifier: str) -> Response:
        return await protocol.answer(request, _reading(lambda: store.get("event", identifier)))

    return api


_LISTINGS: dict[str, type[parameters.Listing]] = {
    "payment_intent": parameters.Listing,
    "refund": parameters.RefundListing,
    "dispute": parameters.DisputeListing,
    "event": parameters.EventListing,
}


def _listing(store: Store, kind: str, url: str) -> Call:
    def call(given: Given) -> Thing:
        listing = check(_LISTINGS[kind], given)
        parent = event_type = None
        if isinstance(listing, parameters.RefundListing):
            parent = listing.payment_intent
            if listing.charge is not None:
                parent = store.get("charge", listing.charge, "charge")["payment_intent"]
        if isinstance(listing, parameters.EventListing):
            event_type = listing.type
        things, has_more = store.page(kind, listing, parent, event_type)
        return objects.page(url, things, has_more=has_more)

    return call


def _reading(read: Any) -> Call:
    def call(given: Given) -> Thing:
        check(parameters.Nothing, given)
        thing: Thing = read()
        return thing

    return call
