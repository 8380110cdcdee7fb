"""Orders as the order service tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID, uuid4

from storefront_common.events import (
    Address,
    CancellationReason,
    Customer,
    Money,
    OrderCancelled,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    OrderSummary,
)

Summary = TypeVar("Summary", bound=OrderSummary)


class Item(NamedTuple):
    """What is ordered of one product, at the price that the customer saw."""

    product_id: UUID
    sku: str
    quantity: int = 1
    price: int = 1000


def placed(*items: Item, order_id: UUID | None = None) -> OrderPlaced:
    """An order that was placed."""
    return _order(OrderPlaced, items, order_id)


def paid(order: OrderSummary) -> OrderPaid:
    """That order, paid."""
    return OrderPaid(**dict(order))


def cancelled(order: OrderSummary) -> OrderCancelled:
    """That order, cancelled."""
    return OrderCancelled(**dict(order), reason=CancellationReason.BY_CUSTOMER)


def _order(kind: type[Summary], items: Sequence[Item], order_id: UUID | None) -> Summary:
    lines = [
        OrderLine(
            product_id=item.product_id,
            sku=item.sku,
            name=f"Product {item.sku}",
            quantity=item.quantity,
            unit_price=Money(amount=item.price),
        )
        for item in items
    ]
    total = Money(amount=sum(item.quantity * item.price for item in items))
    values: dict[str, Any] = {
        "order_id": order_id or uuid4(),
        "number": "S-TEST42",
        "customer": Customer(subject="customer", email="customer@example.com", name="Customer"),
        "lines": lines,
        "subtotal": total,
        "shipping": Money(amount=0),
        "total": total,
        "shipping_address": Address(
            name="Customer", line1="Street 1", postal_code="10115", city="Berlin", country="DE"
        ),
        "placed_at": datetime.now(UTC),
    }
    return kind(**values)
