"""The catalogue of events: what services tell each other, and nothing else do they know of each other."""

from storefront_common.events.catalogue import CATALOGUE
from storefront_common.events.envelope import (
    Event,
    UnreadableEventError,
    UnwantedEventError,
    decode,
    encode,
)
from storefront_common.events.order import (
    CancellationReason,
    OrderCancelled,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    OrderShipped,
    PaymentRequested,
)
from storefront_common.events.parts import Address, Customer, EventData, Money, OrderLine, OrderSummary, Part
from storefront_common.events.payment import (
    PaymentActionRequired,
    PaymentCaptured,
    PaymentFailed,
    PaymentRefunded,
    PaymentVoided,
)
from storefront_common.events.product import (
    ProductChanged,
    ProductRemoved,
    RejectedLine,
    RejectionReason,
    StockRejected,
    StockReserved,
)
from storefront_common.events.user import (
    UserChanged,
    UserDataErased,
    UserDataExported,
    UserErasureRequested,
    UserExportRequested,
)

__all__ = [
    "CATALOGUE",
    "Address",
    "CancellationReason",
    "Customer",
    "Event",
    "EventData",
    "Money",
    "OrderCancelled",
    "OrderLine",
    "OrderPaid",
    "OrderPlaced",
    "OrderRefunded",
    "OrderShipped",
    "OrderSummary",
    "Part",
    "PaymentActionRequired",
    "PaymentCaptured",
    "PaymentFailed",
    "PaymentRefunded",
    "PaymentRequested",
    "PaymentVoided",
    "ProductChanged",
    "ProductRemoved",
    "RejectedLine",
    "RejectionReason",
    "StockRejected",
    "StockReserved",
    "UnreadableEventError",
    "UnwantedEventError",
    "UserChanged",
    "UserDataErased",
    "UserDataExported",
    "UserErasureRequested",
    "UserExportRequested",
    "decode",
    "encode",
]
