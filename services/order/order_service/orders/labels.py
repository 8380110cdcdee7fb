"""The task that buys an order's label: outside of any transaction, once, however often it is tried."""

from datetime import timedelta
from uuid import UUID

import structlog
from prometheus_client import Counter
from storefront_common.database import Database
from storefront_common.tasks import Reschedule, Task

from order_service.orders import repository
from order_service.orders.lifecycle import Happened, State, Trigger
from order_service.orders.tables import Order, OrderLine
from order_service.orders.transitions import Transitions
from order_service.shipping.provider import Label, ShippingProvider, ShippingRefusedError
from order_service.shipping.schemas import Address
from order_service.shipping.service import parcels

logger = structlog.stdlib.get_logger(__name__)

_UNUSED = Counter("order_labels_unused_total", "Labels bought for orders that were cancelled meanwhile")
_REFUSED = Counter("order_labels_refused_total", "Labels that the shipping company would not sell")

_NOT_CONFIGURED_PAUSE = timedelta(minutes=1)
_REFUSED_PAUSE = timedelta(minutes=10)


class LabelBuyer:
    """Buys labels for paid orders."""

    def __init__(
        self, database: Database, transitions: Transitions, provider: ShippingProvider | None
    ) -> None:
        """`provider`: None when no shipping company is configured; then orders wait."""
        self._database = database
        self._transitions = transitions
        self._provider = provider

    async def buy(self, task: Task) -> None:
        """Buy the label of the order that the task names, unless it is not (any longer) waiting for one.

        Raises:
            ExternalUnavailableError: the shipping company is away; the runner tries again later.
            Reschedule: nobody sells this label now; perhaps later, or the shop cancels the order.
        """
        order_id = UUID(task.key)
        order = await self._database.read(lambda session: repository.find(session, order_id))
        if order is None or order.state != State.PAID:
            return
        if self._provider is None:
            logger.warning("no shipping company is configured: the order waits", order=task.key)
            raise Reschedule(_NOT_CONFIGURED_PAUSE)
        lines = await self._database.read(lambda session: repository.lines_of(session, order_id))
        try:
            label = await self._ask(self._provider, order, lines)
        except ShippingRefusedError as error:
            _REFUSED.inc()
            logger.error(
                "no label for a paid order: cancel it, or have it sent", order=task.key, reason=str(error)
            )
            raise Reschedule(_REFUSED_PAUSE) from error
        outcome = await self._database.write(
            lambda session: self._transitions.apply(
                session,
                order_id,
                Happened(Trigger.LABEL_BOUGHT),
                cause=f"label {label.id}",
                also={
                    "carrier": label.carrier,
                    "tracking_number": label.tracking_number,
                    "label_url": label.url,
                },
            )
        )
        if outcome.changed and outcome.order.state == State.CANCELLED:
            _UNUSED.inc()
            logger.warning("the label of a cancelled order is not used", order=task.key, label=label.id)

    async def _ask(self, provider: ShippingProvider, order: Order, lines: list[OrderLine]) -> Label:
        weights = [(line.quantity, line.weight_grams) for line in lines]
        destination = Address.model_validate(order.address)
        if order.rate_id is not None:
            try:
                return await provider.buy_label(
                    str(order.id),
                    rate_id=order.rate_id,
                    service=order.shipping_service,
                    destination=destination,
                    parcels=parcels(weights),
                    reference=order.number,
                )
            except ShippingRefusedError as error:
                # A rate stands for a while only; the shop pays what the same service costs today.
                logger.info("the rate does not stand any more", order=str(order.id), reason=str(error))
        return await provider.buy_label(
            # Another request takes another key. It is sent only after the first one was refused for good.
            str(order.id) if order.rate_id is None else f"{order.id}-service",
            rate_id=None,
            service=order.shipping_service,
            destination=destination,
            parcels=parcels(weights),
            reference=order.number,
        )
