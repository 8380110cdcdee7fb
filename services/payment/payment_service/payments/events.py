"""What orders ask of payments."""

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.events import Event, OrderCancelled, PaymentRequested

from payment_service.payments import service


async def on_payment_requested(session: AsyncSession, event: Event[PaymentRequested]) -> None:
    """Have the order paid."""
    await service.request(session, event.data)


async def on_order_cancelled(session: AsyncSession, event: Event[OrderCancelled]) -> None:
    """Void or refund."""
    await service.cancel_order(session, event.data.order_id)
