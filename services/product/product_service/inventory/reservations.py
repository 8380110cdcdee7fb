"""What orders do to the stock: put aside, give back, take out. Each function works in the transaction it is given.

Every function may be called again for the same order, and in any order: what an order's reservation is decides what is
still to be done. A cancellation is final, also when it is heard before the order.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.events import (
    Money,
    OrderLine,
    OrderSummary,
    RejectedLine,
    RejectionReason,
    StockRejected,
    StockReserved,
)
from storefront_common.messaging import outbox

from product_service.catalogue import events
from product_service.catalogue.schemas import MAX_STOCK
from product_service.catalogue.tables import Product
from product_service.inventory import movements, repository
from product_service.inventory.availability import is_news
from product_service.inventory.tables import Movement, Reservation, State
from product_service.inventory.wanted import Wanted, summed

logger = structlog.stdlib.get_logger(__name__)

KEPT = timedelta(days=3)
"""How long a reservation holds when nothing more is heard of its order. The order service gives up an order within
the hour and says so; this is for the case that it never does."""

_OUTCOMES = Counter("inventory_reservations_total", "What became of reservations", ["outcome"])

_BY_WEIGHT = (
    RejectionReason.UNKNOWN_PRODUCT,
    RejectionReason.OUT_OF_STOCK,
    RejectionReason.PRICE_CHANGED,
)


async def reserve(session: AsyncSession, order: OrderSummary) -> None:
    """Put aside all that a placed order asks for, or nothing, and tell which."""
    if not await repository.open_reservation(
        session, order.order_id, State.RESERVED, expires_at=datetime.now(UTC) + KEPT
    ):
        await _answer_again(session, order)
        return
    faults: list[tuple[RejectionReason, RejectedLine]] = []
    reserved: list[tuple[Product, Wanted]] = []
    async with session.begin_nested() as attempt:
        for wanted in summed(order.lines):
            product, fault = await _reserve(session, wanted)
            if product is not None:
                reserved.append((product, wanted))
            if fault is not None:
                faults.append(fault)
        if faults:
            await attempt.rollback()
    if faults:
        await _reject(session, order.order_id, faults)
        return
    for product, wanted in reserved:
        await repository.add_line(session, order.order_id, wanted.sku, product.id, wanted.quantity)
        await _tell(session, product, available_before=product.available + wanted.quantity)
    await _tell_reserved(session, order, version=1)
    _OUTCOMES.labels("reserved").inc()


async def release(session: AsyncSession, order_id: UUID) -> None:
    """Give back what a cancelled order holds or has taken."""
    if await repository.open_reservation(session, order_id, State.RELEASED):
        return
    reservation = await repository.lock_reservation(session, order_id)
    if reservation.state == State.RELEASED:
        return
    if reservation.state == State.RESERVED:
        await _give_up(session, order_id)
    elif reservation.state == State.COMMITTED:
        for line in await repository.lines(session, order_id):
            product = await repository.give_back(session, line.product_id, line.quantity)
            if product is not None:
                await movements.note(session, product, Movement.RETURNED, line.quantity, order_id=order_id)
                await _tell(session, product, available_before=product.available - line.quantity)
    await repository.set_state(session, order_id, State.RELEASED)
    _OUTCOMES.labels("released").inc()


async def commit(session: AsyncSession, order: OrderSummary) -> None:
    """Take out of the stock what a paid order has put aside."""
    order_id = order.order_id
    is_new = await repository.open_reservation(session, order_id, State.RESERVED)
    reservation = await repository.lock_reservation(session, order_id)
    if reservation.state in (State.COMMITTED, State.RELEASED, State.SHORT):
        return
    if is_new or reservation.state != State.RESERVED:
        await _take_unreserved(session, order, reservation)
        return
    for line in await repository.lines(session, order_id):
        product = await repository.commit(session, line.product_id, line.quantity)
        if product is not None:
            # What can be ordered is the same as before: nobody else needs to hear of it.
            await movements.note(session, product, Movement.SOLD, -line.quantity, order_id=order_id)
    await repository.set_state(session, order_id, State.COMMITTED)
    _OUTCOMES.labels("committed").inc()


async def expire(session: AsyncSession) -> UUID | None:
    """Give back what one forgotten order holds; the order, None when none is forgotten."""
    reservation = await repository.lock_expired(session)
    if reservation is None:
        return None
    await _give_up(session, reservation.order_id)
    await repository.set_state(session, reservation.order_id, State.EXPIRED)
    _OUTCOMES.labels("expired").inc()
    logger.warning("reservation expired: nothing was heard of its order", order_id=str(reservation.order_id))
    return reservation.order_id


async def _reserve(
    session: AsyncSession, wanted: Wanted
) -> tuple[Product | None, tuple[RejectionReason, RejectedLine] | None]:
    """The product after it was put aside, and what speaks against it; at least one of the two."""
    product = None
    # Above that the number would not even fit the column.
    if len(wanted.product_ids) == 1 and wanted.quantity <= MAX_STOCK:
        (product_id,) = wanted.product_ids
        product = await repository.reserve(session, product_id, wanted.sku, wanted.quantity)
    if product is None:
        return None, await _missing(session, wanted)
    price = (product.price_amount, product.price_currency)
    if wanted.prices == {price}:
        return product, None
    # As it was before this order: what the line tells must not depend on what the order itself has put aside.
    line = _rejected(wanted, product, product.available + wanted.quantity)
    return product, (RejectionReason.PRICE_CHANGED, line)


async def _missing(session: AsyncSession, wanted: Wanted) -> tuple[RejectionReason, RejectedLine]:
    product = await repository.find(session, wanted.sku)
    if product is None or not product.active or wanted.product_ids != {product.id}:
        line = RejectedLine(sku=wanted.sku, wanted=wanted.quantity, available=0)
        return RejectionReason.UNKNOWN_PRODUCT, line
    return RejectionReason.OUT_OF_STOCK, _rejected(wanted, product, product.available)


def _rejected(wanted: Wanted, product: Product, available: int) -> RejectedLine:
    return RejectedLine(
        sku=wanted.sku,
        wanted=wanted.quantity,
        available=available,
        price=Money(amount=product.price_amount, currency=product.price_currency),
    )


async def _reject(
    session: AsyncSession, order_id: UUID, faults: Sequence[tuple[RejectionReason, RejectedLine]]
) -> None:
    reasons = {reason for reason, _ in faults}
    rejected = StockRejected(
        order_id=order_id,
        reason=next(reason for reason in _BY_WEIGHT if reason in reasons),
        lines=[line for _, line in faults],
    )
    await repository.set_state(
        session, order_id, State.REJECTED, rejected.model_dump(mode="json", by_alias=True)
    )
    await outbox.add(session, rejected, str(order_id), 2)
    _OUTCOMES.labels(rejected.reason).inc()


async def _answer_again(session: AsyncSession, order: OrderSummary) -> None:
    """Tell once more what was told: the order service asks again when it waits for an answer."""
    reservation = await repository.lock_reservation(session, order.order_id)
    if reservation.state == State.RESERVED:
        await _tell_reserved(session, order, reservation.version)
    elif reservation.state == State.REJECTED:
        rejected = StockRejected.model_validate(reservation.rejection)
        await outbox.add(session, rejected, str(order.order_id), reservation.version)


async def _tell_reserved(session: AsyncSession, order: OrderSummary, version: int) -> None:
    total = sum(line.unit_price.amount * line.quantity for line in order.lines)
    reserved = StockReserved(
        order_id=order.order_id,
        lines=order.lines,
        total=Money(amount=total, currency=_currency(order.lines)),
    )
    await outbox.add(session, reserved, str(order.order_id), version)


def _currency(lines: Sequence[OrderLine]) -> str:
    return lines[0].unit_price.currency if lines else "EUR"


async def _give_up(session: AsyncSession, order_id: UUID) -> None:
    """Make what a reservation holds available again."""
    for line in await repository.lines(session, order_id):
        product = await repository.release(session, line.product_id, line.quantity)
        if product is not None:
            await _tell(session, product, available_before=product.available - line.quantity)


async def _take_unreserved(session: AsyncSession, order: OrderSummary, reservation: Reservation) -> None:
    """Serve an order that is paid although it holds nothing (any more), if that is still possible."""
    taken: list[tuple[Product, Wanted]] = []
    wanted_all = summed(order.lines)
    async with session.begin_nested() as attempt:
        for wanted in wanted_all:
            product_id = next(iter(wanted.product_ids))
            product = await repository.take(session, product_id, wanted.quantity)
            if product is not None:
                taken.append((product, wanted))
        if len(taken) < len(wanted_all):
            await attempt.rollback()
    held = {line.sku for line in await repository.lines(session, order.order_id)}
    if len(taken) < len(wanted_all):
        await repository.set_state(session, order.order_id, State.SHORT)
        _OUTCOMES.labels("short").inc()
        logger.error(
            "an order is paid that holds no stock, and there is not enough left: refund it or restock",
            order_id=str(order.order_id),
            order_number=order.number,
            reservation=reservation.state,
        )
        return
    for product, wanted in taken:
        if wanted.sku not in held:
            await repository.add_line(session, order.order_id, wanted.sku, product.id, wanted.quantity)
        await movements.note(session, product, Movement.SOLD, -wanted.quantity, order_id=order.order_id)
        await _tell(session, product, available_before=product.available + wanted.quantity)
    await repository.set_state(session, order.order_id, State.COMMITTED)
    _OUTCOMES.labels("committed").inc()


async def _tell(session: AsyncSession, product: Product, *, available_before: int) -> None:
    if is_news(available_before, product.available):
        await events.publish_changed(session, product)
