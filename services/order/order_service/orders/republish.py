"""`order-service republish`: what the sweeper does for orders that wait, for any order, at once."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.command_line import CommandError
from storefront_common.database import Database

from order_service.orders import numbers, repository
from order_service.orders.lifecycle import Happened, Trigger
from order_service.orders.tables import Order
from order_service.orders.transitions import Transitions
from order_service.settings import OrderSettings


async def republish(database: Database, settings: OrderSettings, which: str) -> None:
    """Publish the last event of an order again; a serving process sends it.

    Args:
        which: the order's number or id.

    Raises:
        CommandError: there is no such order.
    """

    async def tell(session: AsyncSession) -> Order:
        order_id = await _find(session, which)
        if order_id is None:
            raise CommandError(f"there is no order {which}")
        outcome = await Transitions(settings).apply(
            session, order_id, Happened(Trigger.TELL_AGAIN), cause="republish command"
        )
        return outcome.order

    order = await database.write(tell)
    print(f"order {order.number} ({order.state}) is told again as version {order.version}")


async def _find(session: AsyncSession, which: str) -> UUID | None:
    number = numbers.parse(which)
    if number is not None:
        found = await repository.page(session, [repository.with_number(number)], 1, None)
        return found[0].id if found else None
    try:
        order = await repository.find(session, UUID(which))
    except ValueError:
        return None
    return order.id if order else None
