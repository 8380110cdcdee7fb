"""Events such as the order service tells them: for looking at the mails, and for tests."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from storefront_common.events import (
    Address,
    CancellationReason,
    Customer,
    Event,
    Money,
    OrderCancelled,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    OrderShipped,
    OrderSummary,
)

_ORDER = UUID("5f0c7a52-1b8e-4a53-9a43-8c1f6f7e2d10")
_PLACED_AT = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


def summary() -> dict[str, Any]:
    """The fields that all events about the sample order have."""
    return {
        "order_id": _ORDER,
        "number": "S-2K7Q9M",
        "customer": Customer(subject="sample", email="zoe.muller@example.com", name="Zoë Müller"),
        "lines": [
            _line(1, "mug-halden", "Halden stoneware mug", 2, 18_90),
            _line(2, "casserole-kalder", "Kalder cast-iron casserole", 1, 149_00),
            _line(
                3,
                "lamp-mira",
                "Mira table lamp with a dimmable bulb and a cord of linen, three metres",
                1,
                89_00,
            ),
        ],
        "subtotal": Money(amount=275_80),
        "shipping": Money(amount=4_90),
        "total": Money(amount=280_70),
        "shipping_address": Address(
            name="Zoë Müller",
            line1="Große Bleichen 12",
            line2="Hinterhaus, 3. Stock",
            postal_code="20354",
            city="Hamburg",
            country="DE",
        ),
        "placed_at": _PLACED_AT,
    }


def events() -> Sequence[Event[OrderSummary]]:
    """An event for every letter there is."""
    order = summary()
    told: list[OrderSummary] = [
        OrderPlaced(**order),
        OrderPaid(**order),
        OrderShipped(**order, carrier="Nordpost", tracking_number="NP 0042 1187 93"),
        *(OrderCancelled(**order, reason=reason) for reason in CancellationReason),
        OrderRefunded(**order, refund_id="re_1", amount=Money(amount=280_70)),
        OrderRefunded(**order, refund_id="re_2", amount=Money(amount=18_90)),
    ]
    return [event(data, version) for version, data in enumerate(told, start=1)]


def event(data: OrderSummary, version: int) -> Event[OrderSummary]:
    """The event that tells `data`."""
    return Event(
        id=UUID(int=version),
        source="order",
        type=data.type,
        subject=str(data.order_id),
        time=_PLACED_AT,
        aggregateversion=version,
        data=data,
    )


def _line(number: int, sku: str, name: str, quantity: int, cents: int) -> OrderLine:
    price = Money(amount=cents)
    return OrderLine(product_id=UUID(int=number), sku=sku, name=name, quantity=quantity, unit_price=price)
