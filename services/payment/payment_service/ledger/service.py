"""Reading the ledger."""

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.problems import InvalidInputError
from storefront_common.schemas import Money

from payment_service.ledger import repository
from payment_service.ledger.entries import Entry
from payment_service.ledger.schemas import LedgerEntryView, LedgerPage, LedgerQuery
from payment_service.ledger.tables import LedgerEntry

_LARGEST_ID = 2**63 - 1


async def list_entries(session: AsyncSession, query: LedgerQuery) -> LedgerPage:
    """One page of the entries that `query` asks for.

    Raises:
        InvalidInputError: `after` is no cursor.
    """
    before = None if query.after is None else int(query.after)
    if before is not None and before > _LARGEST_ID:
        raise InvalidInputError(
            "after", query.after, "is not a cursor; pass the nextCursor of the page before"
        )
    # One more than asked for tells whether there is a next page.
    entries = await repository.page(session, query.limit + 1, before, query.payment_id, query.order_id)
    shown = entries[: query.limit]
    return LedgerPage(
        items=[_view(entry) for entry in shown],
        next_cursor=str(shown[-1].id) if len(entries) > query.limit else None,
    )


def _view(entry: LedgerEntry) -> LedgerEntryView:
    return LedgerEntryView(
        id=entry.id,
        payment_id=entry.payment_id,
        order_id=entry.order_id,
        kind=Entry(entry.kind),
        amount=Money.model_validate({"amount": entry.amount, "currency": entry.currency}),
        gateway_object=entry.gateway_object,
        recorded_at=entry.recorded_at,
    )
