"""What only tests may do: disputes, refunds that fail late, webhooks in a chosen order.

POST /test/disputes                {"paymentIntent": "pi_…", "reason": "fraudulent"}
POST /test/disputes/{id}/close     {"won": true}
POST /test/refunds/{id}/fail
POST /test/webhooks/deliver        {"event": "evt_…"}: deliver it now, once more; answers the endpoint's status
GET  /test/webhooks                how many deliveries stand how
"""

from http import HTTPStatus
from typing import Any

import httpx2
from fastapi import APIRouter, HTTPException
from pydantic import Field

from storefront_standins.payments.disputes import Disputes
from storefront_standins.payments.refunds import Refunds
from storefront_standins.payments.store import Store
from storefront_standins.payments.webhooks import Webhooks
from storefront_standins.schemas import Model


class DisputeOpening(Model):
    """Which payment is disputed, and why."""

    payment_intent: str
    reason: str = Field(default="fraudulent", min_length=1)


class DisputeDecision(Model):
    """Who was right."""

    won: bool


class EventDelivery(Model):
    """An event to deliver."""

    event: str


class EndpointAnswer(Model):
    """What the webhook's endpoint answered."""

    status: int


def router(store: Store, disputes: Disputes, refunds: Refunds, webhooks: Webhooks | None) -> APIRouter:
    """The addresses below /test; `webhooks` is None without an endpoint."""
    tests = APIRouter(prefix="/test")

    @tests.post("/disputes", status_code=HTTPStatus.CREATED)
    async def open_dispute(opening: DisputeOpening) -> dict[str, Any]:
        intent = store.get("payment_intent", opening.payment_intent, "paymentIntent")
        with store.transaction():
            return disputes.open(str(intent["latest_charge"]), opening.reason)

    @tests.post("/disputes/{identifier}/close")
    async def close_dispute(identifier: str, decision: DisputeDecision) -> dict[str, Any]:
        with store.transaction():
            return disputes.close(identifier, won=decision.won)

    @tests.post("/refunds/{identifier}/fail")
    async def fail_refund(identifier: str) -> dict[str, Any]:
        with store.transaction():
            return refunds.fail(identifier)

    @tests.post("/webhooks/deliver")
    async def deliver(delivery: EventDelivery) -> EndpointAnswer:
        if webhooks is None:
            raise HTTPException(HTTPStatus.CONFLICT, "no webhook endpoint: start with --webhook-url")
        try:
            return EndpointAnswer(status=await webhooks.deliver_now(delivery.event))
        except httpx2.HTTPError as error:
            raise HTTPException(HTTPStatus.BAD_GATEWAY, f"{type(error).__name__}: {error}") from error

    @tests.get("/webhooks")
    async def deliveries() -> dict[str, int]:
        return store.deliveries_by_outcome()

    return tests
