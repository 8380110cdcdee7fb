"""The ledger's statements: it is only ever read and added to."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from payment_service.ledger.entries import Balance, Entry, balance
from payment_service.ledger.tables import LedgerEntry


async def add(
    session: AsyncSession,
    *,
    payment_id: UUID,
    order_id: UUID,
    kind: Entry,
    amount: int,
    currency: str,
    gateway_object: str,
) -> bool:
    """Whether the entry is new: what happened to an object of the gateway is written once."""
    entry = insert(LedgerEntry).values(
        payment_id=payment_id,
        order_id=order_id,
        kind=kind,
        amount=amount,
        currency=currency,
        gateway_object=gateway_object,
    )
    once = entry.on_conflict_do_nothing(constraint="ledger_entries_once")
    return (await session.execute(once.returning(LedgerEntry.id))).scalar_one_or_none() is not None


async def balances(session: AsyncSession, payment_ids: Iterable[UUID]) -> dict[UUID, Balance]:
    """The balance of each of the payments."""
    wanted = list(payment_ids)
    statement = (
        select(LedgerEntry.payment_id, LedgerEntry.kind, func.sum(LedgerEntry.amount))
        .where(LedgerEntry.payment_id.in_(wanted))
        .group_by(LedgerEntry.payment_id, LedgerEntry.kind)
    )
    sums: defaultdict[UUID, dict[str, int]] = defaultdict(dict)
    for payment_id, kind, total in await session.execute(statement):
        sums[payment_id][kind] = int(total)
    return {payment_id: balance(sums[payment_id]) for payment_id in wanted}


async def page(
    session: AsyncSession, limit: int, before: int | None, payment_id: UUID | None, order_id: UUID | None
) -> list[LedgerEntry]:
    """At most `limit` entries written before the one with id `before`, the newest first."""
    statement = select(LedgerEntry).order_by(LedgerEntry.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(LedgerEntry.id < before)
    if payment_id is not None:
        statement = statement.where(LedgerEntry.payment_id == payment_id)
    if order_id is not None:
        statement = statement.where(LedgerEntry.order_id == order_id)
    return list((await session.execute(statement)).scalars())
