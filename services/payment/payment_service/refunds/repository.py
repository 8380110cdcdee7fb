"""The statements about refunds. Each function is one statement; transactions are the caller's."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from payment_service.refunds.tables import BECAUSE_CANCELLED, Refund

REQUESTED = "requested"
SUCCEEDED = "succeeded"
FAILED = "failed"


async def find(session: AsyncSession, refund_id: UUID) -> Refund | None:
    """The refund of that id."""
    return (await session.execute(select(Refund).where(Refund.id == refund_id))).scalar_one_or_none()


async def find_by_gateway_id(session: AsyncSession, gateway_id: str) -> Refund | None:
    """The refund that the gateway knows by that id."""
    statement = select(Refund).where(Refund.gateway_id == gateway_id)
    return (await session.execute(statement)).scalar_one_or_none()


async def was_cancelled(session: AsyncSession, payment_id: UUID) -> bool:
    """Whether there is a refund because the order was cancelled."""
    statement = select(Refund.id).where(Refund.payment_id == payment_id, Refund.origin == BECAUSE_CANCELLED)
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def of_payment(session: AsyncSession, payment_id: UUID) -> list[Refund]:
    """The refunds of a payment, the oldest first."""
    statement = select(Refund).where(Refund.payment_id == payment_id).order_by(Refund.created_at, Refund.id)
    return list((await session.execute(statement)).scalars())


async def open_amounts(session: AsyncSession, payment_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Of each payment: what was asked to be refunded and is neither refunded nor refused."""
    wanted = list(payment_ids)
    statement = (
        select(Refund.payment_id, func.sum(Refund.amount))
        .where(Refund.payment_id.in_(wanted), Refund.state == REQUESTED)
        .group_by(Refund.payment_id)
    )
    amounts: defaultdict[UUID, int] = defaultdict(int)
    for payment_id, total in await session.execute(statement):
        amounts[payment_id] = int(total)
    return amounts
