"""Erasing and exporting what is kept about a person.

Orders stay for the books: number, products, amounts, history. Who ordered, and where it went, is removed as soon as the
order needs it no more: when it is shipped, or cancelled and all money is back.
"""

from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.events import (
    CancellationReason,
    Event,
    UserDataErased,
    UserDataExported,
    UserErasureRequested,
    UserExportRequested,
)
from storefront_common.messaging import outbox

from order_service.cache import Cache, owner_key
from order_service.carts import repository as carts
from order_service.customers import repository as customers
from order_service.orders import repository as orders
from order_service.orders.lifecycle import CANCELLABLE, Happened, State, Trigger
from order_service.orders.tables import Order
from order_service.orders.transitions import Transitions, facts
from order_service.privacy.tables import PendingErasure
from order_service.shipping import repository as quotes

logger = structlog.stdlib.get_logger(__name__)

SERVICE = "order"
_AT_ONCE = 50
_CAUSE = "erasure"


class Privacy:
    """Answers the user service's requests about persons."""

    def __init__(self, transitions: Transitions, cache: Cache) -> None:
        self._transitions = transitions
        self._cache = cache

    async def erasure_requested(self, session: AsyncSession, event: Event[UserErasureRequested]) -> None:
        """`user.erasure_requested`: cart and profile go at once, orders that are not paid are cancelled."""
        subject, request_id = event.data.subject, event.data.request_id
        await customers.forget(session, subject, event.aggregateversion)
        cart = await carts.lock(session, carts.owned_by(subject))
        if cart is not None:
            await quotes.remove_for_cart(session, cart.id)
            await carts.remove(session, carts.owned_by(subject))
        await self._cache.drop_cart(owner_key(subject))
        for order_id in await orders.unpaid_of(session, subject):
            await self._transitions.apply(
                session,
                order_id,
                Happened(Trigger.CANCEL, reason=CancellationReason.BY_CUSTOMER),
                cause=_CAUSE,
            )
        pending = insert(PendingErasure).values(request_id=request_id, subject=subject)
        await session.execute(pending.on_conflict_do_nothing())
        await self._finish(session, request_id, subject)

    async def finish_pending(self, session: AsyncSession) -> int:
        """Finish the erasures that waited for orders which have ended meanwhile; how many are still waiting."""
        statement = (
            select(PendingErasure.request_id, PendingErasure.subject)
            .order_by(PendingErasure.requested_at)
            .limit(_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        waiting = (await session.execute(statement)).all()
        finished = [await self._finish(session, request_id, subject) for request_id, subject in waiting]
        return finished.count(False)

    async def export_requested(self, session: AsyncSession, event: Event[UserExportRequested]) -> None:
        """`user.export_requested`: tell all that is known."""
        subject = event.data.subject
        data = {
            "customer": await _customer(session, subject),
            "cart": await _cart(session, subject),
            "orders": [await _order(session, order) for order in await orders.all_of(session, subject)],
        }
        exported = UserDataExported(request_id=event.data.request_id, service=SERVICE, data=data)
        await outbox.add(session, exported, subject, 1)

    async def _finish(self, session: AsyncSession, request_id: UUID, subject: str) -> bool:
        """Anonymise the person's orders if all of them have ended, and say so; whether it was done."""
        found = await orders.all_of(session, subject)
        if any(_needs_its_customer(order) for order in found):
            return False
        for order in found:
            await orders.change(
                session,
                order.id,
                {
                    "customer_subject": None,
                    "customer_email": "",
                    "customer_name": "",
                    "address": _no_address(order),
                    "version": order.version + 1,
                },
            )
        await session.execute(delete(PendingErasure).where(PendingErasure.request_id == request_id))
        await outbox.add(session, UserDataErased(request_id=request_id, service=SERVICE), subject, 1)
        logger.info("a person was forgotten", request=str(request_id), orders=len(found))
        return True


def _needs_its_customer(order: Order) -> bool:
    return order.state in CANCELLABLE or (order.state == State.CANCELLED and facts(order).outstanding > 0)


def _no_address(order: Order) -> dict[str, Any]:
    # The country stays: taxes depend on it.
    return {"name": "", "line1": "", "postal_code": "", "city": "", "country": order.address["country"]}


async def _customer(session: AsyncSession, subject: str) -> dict[str, Any] | None:
    customer = await customers.find(session, subject)
    return None if customer is None else {"email": customer.email, "name": customer.name}


async def _cart(session: AsyncSession, subject: str) -> list[dict[str, Any]]:
    cart = await carts.find(session, carts.owned_by(subject))
    return [
        {"productId": str(line.product_id), "quantity": line.quantity}
        for line in (cart.lines if cart else [])
    ]


async def _order(session: AsyncSession, order: Order) -> dict[str, Any]:
    lines = await orders.lines_of(session, order.id)
    changes = await orders.history(session, order.id)
    return {
        "number": order.number,
        "state": order.state,
        "placedAt": order.placed_at.isoformat(),
        "email": order.customer_email,
        "name": order.customer_name,
        "shippingAddress": order.address,
        "currency": order.currency,
        "total": order.total,
        "refunded": order.refunded,
        "carrier": order.carrier,
        "trackingNumber": order.tracking_number,
        "lines": [
            {"sku": line.sku, "name": line.name, "quantity": line.quantity, "unitPrice": line.unit_price}
            for line in lines
        ],
        "history": [{"at": change.at.isoformat(), "state": change.to_state} for change in changes],
    }
