"""The words of every letter. They stand here once, for the HTML and for the text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from storefront_common.events import (
    CancellationReason,
    EventData,
    OrderCancelled,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    OrderShipped,
    OrderSummary,
)

from notification_service.letters.formatting import money

STEPS = ("Ordered", "Paid", "Shipped")
"""What an order passes through when all is well."""


@dataclass(frozen=True)
class Letter:
    """What a letter says besides the order itself."""

    subject: str
    preview: str
    """What a mailbox shows behind the subject."""
    headline: str
    paragraphs: tuple[str, ...]
    steps_done: int | None = None
    """How many of STEPS are done; None: the order has left that way."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What the customer may want to copy: label → value."""


def _placed(order: OrderPlaced) -> Letter:
    return Letter(
        subject=f"We have your order {order.number}",
        preview=f"{_items(order)}, {money(order.total)} in all. We write again once it is paid.",
        headline="Thank you for your order",
        paragraphs=(
            "We have it, and are putting your things aside. As soon as your payment has gone through, we write again.",
        ),
        steps_done=1,
    )


def _paid(order: OrderPaid) -> Letter:
    return Letter(
        subject=f"Your order {order.number} is paid",
        preview=f"We received {money(order.total)} and are packing your parcel.",
        headline="It is paid, now we pack",
        paragraphs=(
            f"Your payment of {money(order.total)} has arrived. We are packing your parcel.",
            "As soon as it leaves, we write again.",
        ),
        steps_done=2,
    )


def _shipped(order: OrderShipped) -> Letter:
    return Letter(
        subject=f"Your order {order.number} is on its way",
        preview=f"{order.carrier} has your parcel: {order.tracking_number}",
        headline="Your parcel is on its way",
        paragraphs=(
            f"{order.carrier} brings it to {order.shipping_address.city}. With the tracking number you can follow it.",
        ),
        steps_done=3,
        facts={"Carrier": order.carrier, "Tracking number": order.tracking_number},
    )


_MONEY_BACK = (
    "If you have paid already, the money goes back to you by itself; we write when it is on its way."
)


class _Why(NamedTuple):
    headline: str
    explanation: str


_WHY: Mapping[CancellationReason, _Why] = {
    CancellationReason.OUT_OF_STOCK: _Why(
        headline="Sold out before we could pack it",
        explanation="Somebody was quicker: there is not enough left of what you ordered, so the order is cancelled. "
        "You have not been charged.",
    ),
    CancellationReason.PRICE_CHANGED: _Why(
        headline="A price changed while you ordered",
        explanation="We do not charge a price that you have not seen, so the order is cancelled. You have not been "
        "charged. The shop shows the price as it is now, if you want to order again.",
    ),
    CancellationReason.PAYMENT_FAILED: _Why(
        headline="Your payment did not go through",
        explanation="Your bank or card did not let the payment pass, so the order is cancelled. You have not been "
        "charged. You can order again, perhaps with another card.",
    ),
    CancellationReason.EXPIRED: _Why(
        headline="Your order was not paid in time",
        explanation=f"So it is cancelled, and your things are back on the shelf. {_MONEY_BACK}",
    ),
    CancellationReason.BY_CUSTOMER: _Why(
        headline="Your order is cancelled",
        explanation=f"As you asked us, we send nothing. {_MONEY_BACK}",
    ),
    CancellationReason.BY_SHOP: _Why(
        headline="We had to cancel your order",
        explanation=f"We are sorry that we cannot send it. {_MONEY_BACK}",
    ),
}


def _cancelled(order: OrderCancelled) -> Letter:
    why = _WHY[order.reason]
    return Letter(
        subject=f"Your order {order.number} is cancelled",
        preview=f"{why.headline}.",
        headline=why.headline,
        paragraphs=(why.explanation,),
    )


def _refunded(order: OrderRefunded) -> Letter:
    share = (
        "all that you paid" if order.amount == order.total else f"a part of the {money(order.total)} you paid"
    )
    return Letter(
        subject=f"Your refund of {money(order.amount)} for order {order.number}",
        preview=f"{money(order.amount)} is on its way back to you.",
        headline=f"{money(order.amount)} is on its way back to you",
        paragraphs=(
            f"That is {share}. It goes the way it came; most banks take up to five working days to show it.",
        ),
        facts={"Refund": money(order.amount)},
    )


def _items(order: OrderSummary) -> str:
    count = sum(line.quantity for line in order.lines)
    return "1 item" if count == 1 else f"{count} items"


_WORDINGS: Mapping[type[OrderSummary], Callable[[Any], Letter]] = {
    OrderPlaced: _placed,
    OrderPaid: _paid,
    OrderShipped: _shipped,
    OrderCancelled: _cancelled,
    OrderRefunded: _refunded,
}

LETTERS: tuple[type[EventData], ...] = tuple(_WORDINGS)
"""The events about which customers get a letter."""


def letter(order: OrderSummary) -> Letter:
    """What is written about `order`, which is the data of one of LETTERS."""
    return _WORDINGS[type(order)](order)
