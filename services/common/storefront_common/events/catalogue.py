"""All types of events that services exchange."""

from collections.abc import Mapping
from types import MappingProxyType

from storefront_common.events import order, payment, product, user
from storefront_common.events.parts import EventData

CATALOGUE: Mapping[str, type[EventData]] = MappingProxyType(
    {
        event.type: event
        for event in (
            product.ProductChanged,
            product.ProductRemoved,
            product.StockReserved,
            product.StockRejected,
            order.OrderPlaced,
            order.PaymentRequested,
            order.OrderPaid,
            order.OrderShipped,
            order.OrderCancelled,
            order.OrderRefunded,
            payment.PaymentCaptured,
            payment.PaymentFailed,
            payment.PaymentActionRequired,
            payment.PaymentVoided,
            payment.PaymentRefunded,
            user.UserChanged,
            user.UserErasureRequested,
            user.UserExportRequested,
            user.UserDataErased,
            user.UserDataExported,
        )
    }
)
"""Type → its data."""
