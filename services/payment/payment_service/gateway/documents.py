"""Stripe's objects as they come in answers and webhooks, and what they mean to us (https://docs.stripe.com/api).

Only what is used is named; the rest is ignored, so that the gateway may add to it.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict

from payment_service.gateway.port import DisputeReport, Intent, Phase, RefundReport, RefundStatus

ORDER_ID = "orderId"
PAYMENT_ID = "paymentId"
REFUND_ID = "refundId"

_PHASES = {
    "requires_confirmation": Phase.CREATED,
    "requires_action": Phase.ACTION_REQUIRED,
    "processing": Phase.PROCESSING,
    "requires_capture": Phase.AUTHORISED,
    "succeeded": Phase.CAPTURED,
    "canceled": Phase.CANCELLED,
}


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Listed(_Document):
    """What comes in lists, and has an id by which they go on."""

    id: str


def _identifier(value: Any) -> Any:
    """A reference is an id, or the whole object when it was expanded."""
    return value.get("id") if isinstance(value, dict) else value


Reference = Annotated[str | None, BeforeValidator(_identifier)]


class _RedirectToUrl(_Document):
    url: str | None = None


class _NextAction(_Document):
    redirect_to_url: _RedirectToUrl | None = None


class _LastError(_Document):
    code: str | None = None
    decline_code: str | None = None


class PaymentIntentDocument(Listed):
    """https://docs.stripe.com/api/payment_intents/object"""

    object: Literal["payment_intent"]
    amount: int
    amount_received: int = 0
    client_secret: str | None = None
    currency: str
    last_payment_error: _LastError | None = None
    metadata: dict[str, str] = {}
    next_action: _NextAction | None = None
    status: str

    def intent(self) -> Intent:
        """What it means."""
        error = self.last_payment_error
        redirect = self.next_action.redirect_to_url if self.next_action else None
        return Intent(
            id=self.id,
            order_id=_uuid(self.metadata.get(ORDER_ID)),
            phase=self._phase(),
            amount=self.amount,
            captured=self.amount_received,
            currency=self.currency.upper(),
            client_secret=self.client_secret,
            next_action_url=redirect.url if redirect else None,
            failure=(error.decline_code or error.code or "declined") if error else None,
        )

    def _phase(self) -> Phase:
        if self.status == "requires_payment_method":
            return Phase.DECLINED if self.last_payment_error else Phase.CREATED
        # A status that is not known yet: the gateway is asked again until it is another one.
        return _PHASES.get(self.status, Phase.PROCESSING)


class RefundDocument(Listed):
    """https://docs.stripe.com/api/refunds/object"""

    object: Literal["refund"]
    amount: int
    currency: str
    failure_reason: str | None = None
    metadata: dict[str, str] = {}
    payment_intent: Reference = None
    status: str | None = None

    def report(self) -> RefundReport:
        """What it means."""
        status = {
            "succeeded": RefundStatus.SUCCEEDED,
            "failed": RefundStatus.FAILED,
            "canceled": RefundStatus.FAILED,
        }
        return RefundReport(
            id=self.id,
            refund_id=_uuid(self.metadata.get(REFUND_ID)),
            intent_id=self.payment_intent,
            amount=self.amount,
            currency=self.currency.upper(),
            status=status.get(self.status or "", RefundStatus.PENDING),
            failure=self.failure_reason,
        )


class DisputeDocument(Listed):
    """https://docs.stripe.com/api/disputes/object"""

    object: Literal["dispute"]
    amount: int
    currency: str
    payment_intent: Reference = None
    status: str

    def report(self) -> DisputeReport:
        """What it means."""
        return DisputeReport(
            id=self.id,
            intent_id=self.payment_intent,
            amount=self.amount,
            currency=self.currency.upper(),
            won=self.status in ("won", "warning_closed"),
        )


class EventData(_Document):
    """What an event is about; its kind is told by the type of the event."""

    object: dict[str, Any]


class EventDocument(_Document):
    """https://docs.stripe.com/api/events/object"""

    object: Literal["event"]
    id: str
    type: str
    data: EventData


L = TypeVar("L", bound=Listed)


class Page(_Document, Generic[L]):
    """https://docs.stripe.com/api/pagination"""

    object: Literal["list", "search_result"]
    data: list[L]
    has_more: bool


class Failure(_Document):
    """https://docs.stripe.com/api/errors"""

    type: str
    code: str | None = None
    message: str = ""
    payment_intent: PaymentIntentDocument | None = None


class FailureDocument(_Document):
    """The body of an answer that is an error."""

    error: Failure


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text is not None else None
    except ValueError:
        return None
