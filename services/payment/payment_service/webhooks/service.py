"""Taking webhooks in, and doing what they tell. Each function works in the transaction of the session it is given."""

import json
from typing import Any

import structlog
from prometheus_client import Counter
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import tasks

from payment_service.disputes import service as disputes
from payment_service.gateway import documents
from payment_service.payments import repository as payments
from payment_service.payments import service as payment_service
from payment_service.payments.tables import Payment
from payment_service.refunds import service as refunds
from payment_service.webhooks import repository

logger = structlog.stdlib.get_logger(__name__)

WEBHOOK = "webhook"
"""Kind of the task that does what an event tells, one per event."""

_RECEIVED = Counter("payment_webhooks_received_total", "Webhooks with a valid signature", ["repeated"])
_PROCESSED = Counter("payment_webhooks_processed_total", "Webhooks that were processed", ["outcome"])

DONE = "done"
FOREIGN = "not about a payment of ours"
UNUSED = "of a type that is not used"
UNREADABLE = "not readable"


async def take_in(session: AsyncSession, event: documents.EventDocument, body: bytes) -> None:
    """Keep an event until it is processed; one that was received before changes nothing."""
    is_new = await repository.add(session, event.id, event.type, json.loads(body))
    _RECEIVED.labels("no" if is_new else "yes").inc()
    if is_new:
        await repository.prune(session)
        await tasks.enqueue(session, WEBHOOK, event.id, {"eventId": event.id})


async def process(session: AsyncSession, event_id: str) -> None:
    """Do what the event tells. It may be old news, and then it changes nothing."""
    event = await repository.lock(session, event_id)
    if event is None or event.processed_at is not None or event.body is None:
        return
    try:
        outcome = await _do(session, event.body["data"]["object"])
    except ValidationError as error:
        logger.error("a webhook cannot be read", event_id=event_id, type=event.type, reason=str(error))
        outcome = UNREADABLE
    _PROCESSED.labels(outcome).inc()
    await repository.note_outcome(session, event_id, outcome)


async def _do(session: AsyncSession, thing: dict[str, Any]) -> str:
    match thing.get("object"):
        case "payment_intent":
            intent = documents.PaymentIntentDocument.model_validate(thing).intent()
            payment = None
            if intent.order_id is not None:
                payment = await payments.lock_by_order(session, intent.order_id)
            if payment is None:
                return FOREIGN
            await payment_service.learn(session, payment, intent)
        case "refund":
            refund = documents.RefundDocument.model_validate(thing).report()
            payment = await _payment_of(session, refund.intent_id)
            if payment is None:
                return FOREIGN
            await refunds.learn(session, payment, refund)
        case "dispute":
            dispute = documents.DisputeDocument.model_validate(thing).report()
            payment = await _payment_of(session, dispute.intent_id)
            if payment is None:
                return FOREIGN
            await disputes.learn(session, payment, dispute)
        case _:
            return UNUSED
    await payment_service.settle_soon(session, payment.id)
    return DONE


async def _payment_of(session: AsyncSession, intent_id: str | None) -> Payment | None:
    return None if intent_id is None else await payments.lock_by_intent(session, intent_id)
