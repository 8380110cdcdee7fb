"""Orders as clients see them."""

from collections.abc import Sequence

from storefront_common.events import CancellationReason
from storefront_common.schemas import Money

from order_service.money import Sum
from order_service.orders.lifecycle import CANCELLABLE, State
from order_service.orders.schemas import (
    CustomerView,
    HistoryItem,
    OrderItem,
    OrderLineView,
    OrderView,
    PaymentAction,
    ShippingMethod,
    Tracking,
)
from order_service.orders.tables import HistoryEntry, Order, OrderLine
from order_service.shipping.schemas import Address


def order_view(order: Order, lines: Sequence[OrderLine], *, for_customer: bool) -> OrderView:
    """`order` with its lines; what the bank asks is only for the customer."""
    return OrderView(
        id=order.id,
        number=order.number,
        state=State(order.state),
        version=order.version,
        customer=_customer(order),
        lines=[
            OrderLineView(
                product_id=line.product_id,
                sku=line.sku,
                name=line.name,
                quantity=line.quantity,
                unit_price=Money(amount=line.unit_price),
                line_total=Sum(amount=line.unit_price * line.quantity),
            )
            for line in lines
        ],
        subtotal=Sum(amount=order.subtotal),
        shipping=Sum(amount=order.shipping),
        total=Sum(amount=order.total),
        refunded=Sum(amount=order.refunded),
        shipping_address=None if _is_erased(order) else Address.model_validate(order.address),
        shipping_method=ShippingMethod(carrier=order.shipping_carrier, service=order.shipping_service),
        tracking=_tracking(order),
        payment_action=_action(order) if for_customer else None,
        cancel_reason=None if order.cancel_reason is None else CancellationReason(order.cancel_reason),
        cancellable=order.state in CANCELLABLE,
        placed_at=order.placed_at,
        updated_at=order.updated_at,
    )


def order_item(order: Order) -> OrderItem:
    """`order` in a list."""
    return OrderItem(
        id=order.id,
        number=order.number,
        state=State(order.state),
        total=Sum(amount=order.total),
        refunded=Sum(amount=order.refunded),
        customer=_customer(order),
        placed_at=order.placed_at,
        updated_at=order.updated_at,
    )


def history_item(entry: HistoryEntry, *, for_admin: bool) -> HistoryItem:
    """One change; who or what was behind it is only for administrators."""
    return HistoryItem(
        version=entry.version,
        at=entry.at,
        trigger=entry.trigger,
        from_state=None if entry.from_state is None else State(entry.from_state),
        to_state=State(entry.to_state),
        cause=entry.cause if for_admin else None,
        detail=entry.detail if for_admin else None,
    )


def _customer(order: Order) -> CustomerView:
    return CustomerView(email=order.customer_email, name=order.customer_name)


def _is_erased(order: Order) -> bool:
    return order.customer_subject is None


def _tracking(order: Order) -> Tracking | None:
    if order.carrier is None or order.tracking_number is None:
        return None
    return Tracking(carrier=order.carrier, tracking_number=order.tracking_number)


def _action(order: Order) -> PaymentAction | None:
    return None if order.action is None else PaymentAction.model_validate(order.action)
