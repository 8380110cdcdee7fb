"""What is done when customers change."""

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.events import Event, UserChanged

from order_service.customers import repository


async def changed(session: AsyncSession, event: Event[UserChanged]) -> None:
    """`user.changed`: keep it unless something newer is known."""
    data = event.data
    await repository.put(
        session,
        data.subject,
        event.aggregateversion,
        email=data.email,
        name=data.name,
        blocked=data.blocked,
    )
