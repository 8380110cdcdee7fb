"""Erases and hands out a person's data. The books keep their amounts: they say nothing about whose they are."""

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.events import (
    Event,
    UserDataErased,
    UserDataExported,
    UserErasureRequested,
    UserExportRequested,
)
from storefront_common.messaging import outbox

from payment_service.payments import repository
from payment_service.payments.schemas import PaymentView
from payment_service.payments.views import person_view

SERVICE = "payment"


async def on_erasure_requested(session: AsyncSession, event: Event[UserErasureRequested]) -> None:
    """Make the person's payments nobody's."""
    await repository.forget_subject(session, event.data.subject)
    done = UserDataErased(request_id=event.data.request_id, service=SERVICE)
    await outbox.add(session, done, event.data.subject, event.aggregateversion)


async def on_export_requested(session: AsyncSession, event: Event[UserExportRequested]) -> None:
    """Tell all that is known about the person's payments."""
    payments: list[PaymentView] = [
        await person_view(session, payment)
        for payment in await repository.of_subject(session, event.data.subject)
    ]
    data = {"payments": [payment.model_dump(mode="json", by_alias=True) for payment in payments]}
    done = UserDataExported(request_id=event.data.request_id, service=SERVICE, data=data)
    await outbox.add(session, done, event.data.subject, event.aggregateversion)
