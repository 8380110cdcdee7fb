"""Where the gateway sends its webhooks. Their signature is all that proves where they come from."""

import time
from http import HTTPStatus

import structlog
from fastapi import APIRouter, Request
from prometheus_client import Counter
from storefront_common.problems import Problem
from storefront_common.schemas import Model
from storefront_common.settings import SecretUnreadableError

from payment_service.dependencies import DatabaseDependency, PaymentGatewayDependency
from payment_service.gateway.signature import WrongSignatureError, verify
from payment_service.gateway.stripe import parse_event
from payment_service.webhooks import service

logger = structlog.stdlib.get_logger(__name__)

_REFUSED = Counter("payment_webhooks_refused_total", "Webhooks without a valid signature")
_LARGEST = 512 * 1024

router = APIRouter(prefix="/api/payments", tags=["webhooks"])


class Received(Model):
    """The webhook is kept and need not be sent again."""

    received: bool = True


@router.post(
    "/webhooks",
    openapi_extra={
        "parameters": [
            {"name": "Stripe-Signature", "in": "header", "required": True, "schema": {"type": "string"}}
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
    },
)
async def receive_webhook(
    request: Request, database: DatabaseDependency, settings: PaymentGatewayDependency
) -> Received:
    """Take in an event of the payment gateway; it is processed afterwards."""
    body = await _body(request)
    try:
        secrets = settings.webhook_secrets()
    except SecretUnreadableError as error:
        logger.error("webhooks cannot be checked", reason=str(error))
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "Webhooks cannot be checked right now. Send it again later.",
            headers={"Retry-After": "60"},
        ) from None
    try:
        verify(body, request.headers.get("stripe-signature", ""), secrets, time.time())
        event = parse_event(body)
    except WrongSignatureError as error:
        _REFUSED.inc()
        logger.warning("webhook refused", reason=str(error))
        raise Problem(HTTPStatus.BAD_REQUEST, f"Stripe-Signature: {error}.") from None
    except ValueError:
        raise Problem(HTTPStatus.BAD_REQUEST, "The body is not an event of the payment gateway.") from None
    await database.write(lambda session: service.take_in(session, event, body))
    return Received()


async def _body(request: Request) -> bytes:
    """The raw body: the signature is over its bytes."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body has more than {_LARGEST // 1024} KiB."
            )
    return bytes(body)
