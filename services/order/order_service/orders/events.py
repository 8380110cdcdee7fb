"""What is done when the stock and the payment of an order are heard of."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.events import (
    CancellationReason,
    Event,
    PaymentActionRequired,
    PaymentCaptured,
    PaymentFailed,
    PaymentRefunded,
    PaymentVoided,
    RejectionReason,
    StockRejected,
    StockReserved,
)

from order_service.orders.lifecycle import Action, Happened, Trigger
from order_service.orders.transitions import Transitions

_REASONS = {
    RejectionReason.OUT_OF_STOCK: CancellationReason.OUT_OF_STOCK,
    RejectionReason.PRICE_CHANGED: CancellationReason.PRICE_CHANGED,
    # A product that nobody has any more cannot be had.
    RejectionReason.UNKNOWN_PRODUCT: CancellationReason.OUT_OF_STOCK,
}


class OrderEvents:
    """Handlers of events about orders. Each may come late, twice, or before another one: the lifecycle sorts it out."""

    def __init__(self, transitions: Transitions) -> None:
        self._transitions = transitions

    async def stock_reserved(self, session: AsyncSession, event: Event[StockReserved]) -> None:
        """`stock.reserved`."""
        await self._transitions.apply(
            session, event.data.order_id, Happened(Trigger.STOCK_RESERVED), cause=_cause(event)
        )

    async def stock_rejected(self, session: AsyncSession, event: Event[StockRejected]) -> None:
        """`stock.rejected`."""
        data = event.data
        blamed = ", ".join(f"{line.sku}: {line.available} of {line.wanted}" for line in data.lines)
        await self._transitions.apply(
            session,
            data.order_id,
            Happened(Trigger.STOCK_REJECTED, reason=_REASONS[data.reason]),
            cause=_cause(event),
            detail=f"{data.reason}: {blamed}",
        )

    async def payment_action_required(
        self, session: AsyncSession, event: Event[PaymentActionRequired]
    ) -> None:
        """`payment.action_required`."""
        data = event.data
        action = Action(
            client_secret=data.client_secret, url=data.next_action_url, expires_at=data.expires_at
        )
        await self._transitions.apply(
            session,
            data.order_id,
            Happened(Trigger.PAYMENT_ACTION_REQUIRED, payment_version=event.aggregateversion, action=action),
            cause=_cause(event),
            also={"payment_id": data.payment_id},
        )

    async def payment_captured(self, session: AsyncSession, event: Event[PaymentCaptured]) -> None:
        """`payment.captured`."""
        data = event.data
        await self._transitions.apply(
            session,
            data.order_id,
            Happened(
                Trigger.PAYMENT_CAPTURED,
                amount=data.amount.amount,
                payment_version=event.aggregateversion,
            ),
            cause=_cause(event),
            also={"payment_id": data.payment_id},
        )

    async def payment_failed(self, session: AsyncSession, event: Event[PaymentFailed]) -> None:
        """`payment.failed`."""
        await self._transitions.apply(
            session,
            event.data.order_id,
            Happened(Trigger.PAYMENT_FAILED, payment_version=event.aggregateversion),
            cause=_cause(event),
            detail=event.data.reason,
            also={"payment_id": event.data.payment_id},
        )

    async def payment_voided(self, session: AsyncSession, event: Event[PaymentVoided]) -> None:
        """`payment.voided`."""
        await self._transitions.apply(
            session,
            event.data.order_id,
            Happened(Trigger.PAYMENT_VOIDED, payment_version=event.aggregateversion),
            cause=_cause(event),
            also={"payment_id": event.data.payment_id},
        )

    async def payment_refunded(self, session: AsyncSession, event: Event[PaymentRefunded]) -> None:
        """`payment.refunded`."""
        data = event.data
        await self._transitions.apply(
            session,
            data.order_id,
            Happened(
                Trigger.PAYMENT_REFUNDED,
                amount=data.total_refunded.amount,
                refund=data.amount.amount,
                refund_id=data.refund_id,
                payment_version=event.aggregateversion,
            ),
            cause=_cause(event),
            detail=f"{data.amount.amount} of {data.total_refunded.amount}",
            also={"payment_id": data.payment_id},
        )


def _cause(event: Event[Any]) -> str:
    return f"event {event.id}"
