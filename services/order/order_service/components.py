"""What the service consists of, put together once for the API, the handlers of events and the tasks."""

from collections.abc import Mapping

from storefront_common.database import Database
from storefront_common.messaging.consumer import Handler
from storefront_common.tasks import Handler as TaskHandler

from order_service.cache import Cache
from order_service.carts.service import CartService
from order_service.customers import events as customer_events
from order_service.orders.checkout import Checkout
from order_service.orders.events import OrderEvents
from order_service.orders.labels import LabelBuyer
from order_service.orders.sweeper import SWEEP, Sweeper
from order_service.orders.transitions import BUY_LABEL, Transitions
from order_service.privacy.service import Privacy
from order_service.products.events import ProductEvents
from order_service.settings import OrderSettings
from order_service.shipping.provider import ShippingProvider
from order_service.shipping.service import ShippingService


class Components:
    """The service's parts on one database, one cache and one shipping company."""

    def __init__(
        self,
        database: Database,
        cache: Cache,
        provider: ShippingProvider | None,
        settings: OrderSettings,
    ) -> None:
        """`provider`: None when no shipping company is configured."""
        self.database = database
        self.transitions = Transitions(settings)
        self.carts = CartService(database, cache)
        self.shipping = ShippingService(database, self.carts, provider, settings)
        self.checkout = Checkout(database, cache, self.transitions)
        self.privacy = Privacy(self.transitions, cache)
        self.sweeper = Sweeper(database, self.transitions, self.privacy, settings)
        self._products = ProductEvents(cache)
        self._orders = OrderEvents(self.transitions)
        self._labels = LabelBuyer(database, self.transitions, provider)

    def event_handlers(self) -> Mapping[str, Handler]:
        """What is done about the events that the service hears of, by type."""
        return {
            "product.changed": self._products.changed,
            "product.removed": self._products.removed,
            "user.changed": customer_events.changed,
            "user.erasure_requested": self.privacy.erasure_requested,
            "user.export_requested": self.privacy.export_requested,
            "stock.reserved": self._orders.stock_reserved,
            "stock.rejected": self._orders.stock_rejected,
            "payment.action_required": self._orders.payment_action_required,
            "payment.captured": self._orders.payment_captured,
            "payment.failed": self._orders.payment_failed,
            "payment.voided": self._orders.payment_voided,
            "payment.refunded": self._orders.payment_refunded,
        }

    def task_handlers(self) -> Mapping[str, TaskHandler]:
        """What is done about tasks, by kind."""
        return {BUY_LABEL: self._labels.buy, SWEEP: self.sweeper.sweep}
