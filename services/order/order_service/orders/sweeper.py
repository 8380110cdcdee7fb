"""The periodic task that finishes what got stuck, and removes what nobody needs any more."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.database import Database, DatabaseUnavailableError
from storefront_common.tasks import Reschedule, Task

from order_service.carts import repository as carts
from order_service.orders import repository
from order_service.orders.lifecycle import Happened, Trigger
from order_service.orders.transitions import Transitions
from order_service.privacy.service import Privacy
from order_service.settings import OrderSettings
from order_service.shipping import repository as quotes

logger = structlog.stdlib.get_logger(__name__)

SWEEP = "sweep"
"""Kind of the task. There is one, from the first migration on, and it never ends."""

_SWEPT = Counter("order_sweeps_total", "Stuck orders that the sweeper dealt with", ["outcome"])

_AT_ONCE = 200
_CAUSE = "sweeper"


class Sweeper:
    """Sweeps, again and again."""

    def __init__(
        self, database: Database, transitions: Transitions, privacy: Privacy, settings: OrderSettings
    ) -> None:
        self._database = database
        self._transitions = transitions
        self._privacy = privacy
        self._settings = settings

    async def sweep(self, task: Task) -> None:
        """Sweep once; raises Reschedule, for the next time.

        One step that fails spoils no other: it is logged, counted, and met again by the next sweep.
        """
        await self._orders()
        await self._step(
            "carts", lambda session: carts.remove_abandoned(session, self._settings.abandon_carts_after)
        )
        await self._step("quotes", quotes.remove_expired)
        await self._step("erasures", self._privacy.finish_pending)
        raise Reschedule(self._settings.sweep_every)

    async def order(self, session: AsyncSession, order_id: UUID) -> str:
        """Cancel the order if it has expired; tell its last event again if it has waited too long. What was done."""
        order = await repository.lock(session, order_id)
        now = datetime.now(UTC)
        # Somebody may have answered since the sweeper looked.
        if order is not None and order.expires_at is not None and order.expires_at <= now:
            await self._transitions.apply(session, order_id, Happened(Trigger.EXPIRE), cause=_CAUSE)
            return "expired"
        if order is not None and order.tell_again_at is not None and order.tell_again_at <= now:
            await self._transitions.apply(session, order_id, Happened(Trigger.TELL_AGAIN), cause=_CAUSE)
            return "told again"
        return "moved on"

    async def _orders(self) -> None:
        found = await self._database.read(lambda session: repository.stuck(session, _AT_ONCE))
        for order_id in found:

            async def one(session: AsyncSession, order_id: UUID = order_id) -> str:
                return await self.order(session, order_id)

            outcome = await self._step("order", one, order=str(order_id))
            _SWEPT.labels(outcome or "failed").inc()

    async def _step(
        self, what: str, work: Callable[[AsyncSession], Awaitable[object]], **context: str
    ) -> object | None:
        try:
            return await self._database.write(work)
        except DatabaseUnavailableError:
            raise
        except Exception:
            logger.exception("sweeping failed", what=what, **context)
            return None
