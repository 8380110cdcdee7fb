"""Writing disputes down. Answering them is people's work, at the gateway's own pages."""

import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from payment_service.gateway import DisputeReport
from payment_service.ledger import repository as ledger
from payment_service.ledger.entries import Entry
from payment_service.payments.tables import Payment

logger = structlog.stdlib.get_logger(__name__)

_DISPUTES = Counter("payment_disputes_total", "Disputes that were opened or won", ["entry"])


async def learn(session: AsyncSession, payment: Payment, report: DisputeReport) -> None:
    """Note what the gateway says about a dispute of the payment, which must be locked; old news change nothing."""
    for kind in (Entry.DISPUTED, Entry.DISPUTE_WON) if report.won else (Entry.DISPUTED,):
        is_new = await ledger.add(
            session,
            payment_id=payment.id,
            order_id=payment.order_id,
            kind=kind,
            amount=report.amount,
            currency=report.currency,
            gateway_object=report.id,
        )
        if is_new:
            _DISPUTES.labels(kind).inc()
            logger.warning("dispute", payment=str(payment.id), dispute=report.id, entry=kind)
