"""Carrying out what the lifecycle decides: order, history, events and tasks change in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import tasks
from storefront_common.events import CancellationReason
from storefront_common.messaging import outbox

from order_service.orders import publishing, repository
from order_service.orders.lifecycle import (
    UNPAID,
    Action,
    Effect,
    Facts,
    Happened,
    State,
    Trigger,
    decide,
)
from order_service.orders.tables import Order, OrderLine
from order_service.settings import OrderSettings

logger = structlog.stdlib.get_logger(__name__)

BUY_LABEL = "buy-label"
"""Kind of the task; its key is the order's id."""

_TRANSITIONS = Counter("order_transitions_total", "Changes of orders", ["trigger", "from_state", "to_state"])

_MOST_DOUBLINGS = 6


class UnknownOrderError(Exception):
    """Somebody speaks of an order that is not here."""

    def __init__(self, order_id: UUID) -> None:
        super().__init__(
            f"there is no order {order_id}: it was told to another database, or this one was set back"
        )


@dataclass(frozen=True)
class Outcome:
    """An order after something has happened to it."""

    order: Order
    changed: bool
    """Whether it was news."""


class Transitions:
    """Applies triggers to orders."""

    def __init__(self, settings: OrderSettings) -> None:
        self._settings = settings

    async def apply(
        self,
        session: AsyncSession,
        order_id: UUID,
        happened: Happened,
        *,
        cause: str,
        detail: str | None = None,
        also: dict[str, Any] | None = None,
    ) -> Outcome:
        """Let `happened` have its consequences, all of them in the transaction of `session`.

        Args:
            cause: who or what, for the history.
            detail: more about it, for the history.
            also: columns that change with it, such as the payment's id.

        Raises:
            UnknownOrderError: there is no such order.
        """
        order = await repository.lock(session, order_id)
        if order is None:
            raise UnknownOrderError(order_id)
        before = facts(order)
        decision = decide(before, happened)
        if decision is None:
            return Outcome(order, changed=False)
        now = datetime.now(UTC)
        events = [effect for effect in decision.effects if effect is not Effect.BUY_LABEL]
        values = _columns(decision.facts) | (also or {})
        if happened.trigger is Trigger.PAYMENT_REFUNDED and decision.facts.refund_ids != before.refund_ids:
            values["refunds"] = [*order.refunds, {"id": happened.refund_id or "", "amount": happened.refund}]
        values |= self._clocks(order, decision.facts, happened.trigger, now)
        values["version"] = order.version + max(1, len(events))
        order = await repository.change(session, order_id, values)
        await self._tell(session, order, events, happened)
        if Effect.BUY_LABEL in decision.effects:
            await tasks.enqueue(session, BUY_LABEL, str(order.id), {})
        await repository.note(
            session, order, trigger=happened.trigger, from_state=before.state, cause=cause, detail=detail
        )
        _TRANSITIONS.labels(happened.trigger, before.state, order.state).inc()
        logger.info(
            "order changed",
            order=str(order.id),
            trigger=happened.trigger,
            before=before.state,
            after=order.state,
            version=order.version,
        )
        return Outcome(order, changed=True)

    async def place(
        self, session: AsyncSession, values: dict[str, Any], lines: list[dict[str, Any]]
    ) -> tuple[Order, list[OrderLine]]:
        """The new order: `values` are its columns but for those that its life changes."""
        now = datetime.now(UTC)
        order, stored = await repository.add(
            session,
            {
                **values,
                "state": State.PLACED,
                "version": 1,
                "expires_at": now + self._settings.expire_after,
                "tell_again_at": now + self._settings.tell_again_after,
            },
            lines,
        )
        await outbox.add(
            session,
            publishing.event(Effect.ORDER_PLACED, order, stored, None),
            str(order.id),
            order.version,
        )
        await repository.note(
            session, order, trigger="checkout", from_state=None, cause="customer", detail=None
        )
        _TRANSITIONS.labels("checkout", "", order.state).inc()
        return order, stored

    async def _tell(
        self, session: AsyncSession, order: Order, events: Sequence[Effect], happened: Happened
    ) -> None:
        if not events:
            return
        lines = await repository.lines_of(session, order.id)
        # Each event has a version of its own; the last one has the order's.
        for version, effect in enumerate(events, start=order.version - len(events) + 1):
            data = publishing.event(effect, order, lines, happened)
            await outbox.add(session, data, str(order.id), version)

    def _clocks(self, order: Order, after: Facts, trigger: Trigger, now: datetime) -> dict[str, Any]:
        """When the sweeper looks at the order next, and until when it may be paid."""
        again = trigger is Trigger.TELL_AGAIN
        tellings = order.tellings + 1 if again else 0
        wait = self._settings.tell_again_after * 2 ** min(tellings, _MOST_DOUBLINGS)
        values: dict[str, Any] = {
            "tellings": tellings,
            "tell_again_at": now + wait if after.waiting else None,
        }
        if after.state != order.state:
            values["state_since"] = now
        if after.state not in UNPAID:
            # The token is of no use any more, so it is not kept.
            values |= {"expires_at": None, "payment_method": None}
        elif after.state is State.RESERVED and order.payment_expires_at is None:
            limit = now + self._settings.payment_limit
            values["payment_expires_at"] = min(limit, order.expires_at or limit)
        return values


def facts(order: Order) -> Facts:
    """What is known of `order`, as far as it decides what follows."""
    action = order.action
    return Facts(
        state=State(order.state),
        total=order.total,
        captured=order.captured,
        refunded=order.refunded,
        refund_ids=frozenset(refund["id"] for refund in order.refunds),
        voided=order.voided,
        payment_version=order.payment_version,
        action=None
        if action is None
        else Action(
            client_secret=action["client_secret"],
            url=action["url"],
            expires_at=datetime.fromisoformat(action["expires_at"]),
        ),
        cancel_reason=None if order.cancel_reason is None else CancellationReason(order.cancel_reason),
        labelled=order.tracking_number is not None,
    )


def _columns(known: Facts) -> dict[str, Any]:
    return {
        "state": known.state,
        "captured": known.captured,
        "refunded": known.refunded,
        "voided": known.voided,
        "payment_version": known.payment_version,
        "action": None
        if known.action is None
        else {
            "client_secret": known.action.client_secret,
            "url": known.action.url,
            "expires_at": known.action.expires_at.isoformat(),
        },
        "cancel_reason": known.cancel_reason,
    }
