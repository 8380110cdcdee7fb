"""Which events the service handles; the operator's bindings are held equal to this."""

from collections.abc import Mapping

from storefront_common.messaging.consumer import Handler

from payment_service.payments.events import on_order_cancelled, on_payment_requested
from payment_service.privacy.events import on_erasure_requested, on_export_requested

HANDLERS: Mapping[str, Handler] = {
    "payment.requested": on_payment_requested,
    "order.cancelled": on_order_cancelled,
    "user.erasure_requested": on_erasure_requested,
    "user.export_requested": on_export_requested,
}
"""By event type."""
