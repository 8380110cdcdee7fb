"""From an order to the events that tell of it."""

from collections.abc import Sequence
from typing import Any

from storefront_common.events import (
    Address,
    CancellationReason,
    Customer,
    EventData,
    Money,
    OrderCancelled,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    OrderShipped,
    OrderSummary,
    PaymentRequested,
)
from storefront_common.events import OrderLine as LineData

from order_service.orders.lifecycle import Effect, Happened
from order_service.orders.tables import Order, OrderLine

_NOBODY = "erased"
"""Subject of customers whose data was erased."""


def event(effect: Effect, order: Order, lines: Sequence[OrderLine], happened: Happened | None) -> EventData:
    """What `effect` tells of `order` after `happened` (None: it was placed)."""
    summary = _summary(order, lines)
    match effect:
        case Effect.ORDER_PLACED:
            return OrderPlaced(**summary)
        case Effect.PAYMENT_REQUESTED:
            return _payment_request(order)
        case Effect.ORDER_PAID:
            return OrderPaid(**summary)
        case Effect.ORDER_SHIPPED:
            return OrderShipped(
                **summary, carrier=order.carrier or "", tracking_number=order.tracking_number or ""
            )
        case Effect.ORDER_CANCELLED:
            assert order.cancel_reason is not None
            return OrderCancelled(**summary, reason=CancellationReason(order.cancel_reason))
        case Effect.ORDER_REFUNDED:
            assert happened is not None
            refunds = {refund["id"]: refund["amount"] for refund in order.refunds}
            refund_id = happened.refund_id or ""
            return OrderRefunded(
                **summary, refund_id=refund_id, amount=_money(refunds[refund_id], order.currency)
            )
        case Effect.BUY_LABEL:
            raise ValueError("buying a label is a task, no event")


def _payment_request(order: Order) -> PaymentRequested:
    assert order.payment_method is not None
    assert order.payment_expires_at is not None
    return PaymentRequested(
        order_id=order.id,
        customer=_customer(order),
        amount=_money(order.total, order.currency),
        payment_method=order.payment_method,
        expires_at=order.payment_expires_at,
    )


def _summary(order: Order, lines: Sequence[OrderLine]) -> dict[str, Any]:
    summary = OrderSummary(
        order_id=order.id,
        number=order.number,
        customer=_customer(order),
        lines=[
            LineData(
                product_id=line.product_id,
                sku=line.sku,
                name=line.name,
                quantity=line.quantity,
                unit_price=_money(line.unit_price, order.currency),
            )
            for line in lines
        ],
        subtotal=_money(order.subtotal, order.currency),
        shipping=_money(order.shipping, order.currency),
        total=_money(order.total, order.currency),
        shipping_address=Address.model_validate(order.address),
        placed_at=order.placed_at,
    )
    return {name: getattr(summary, name) for name in OrderSummary.model_fields}


def _customer(order: Order) -> Customer:
    return Customer(
        subject=order.customer_subject or _NOBODY, email=order.customer_email, name=order.customer_name
    )


def _money(amount: int, currency: str) -> Money:
    return Money(amount=amount, currency=currency)
