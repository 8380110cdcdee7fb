"""What does not fit together: from facts to differences, without asking anybody."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from storefront_dev.shop.reconciliation.facts import Charge, Facts, MailKind, Order, State


class Kind(StrEnum):
    """What is wrong."""

    LOST = "lost"
    """An order that was accepted or paid is not there, or what was paid for it is not."""
    DOUBLED = "doubled charges"
    """More than the order's total was taken."""
    UNREFUNDED = "unrefunded"
    """Money of a cancelled order was kept, or other amounts were refunded than the order says."""
    OVERSOLD = "oversold"
    """More was sold or is reserved than there was, or the count is wrong in the other direction."""
    LEDGER = "ledger differs"
    """The payment service's books tell other amounts than the gateway's."""
    MISSING_MAIL = "missing emails"
    """A customer was not told."""
    LABEL = "labels"
    """A parcel without a label, or with several."""
    UNFINISHED = "unfinished"
    """An order that is neither shipped nor cancelled."""


@dataclass(frozen=True)
class Difference:
    """One thing that does not fit. `subject`: an order's number or a SKU."""

    kind: Kind
    subject: str
    text: str


_FINAL = frozenset([State.SHIPPED, State.DELIVERED, State.CANCELLED])
_SENT = frozenset([State.SHIPPED, State.DELIVERED])
_SOLD = frozenset([State.PAID, State.SHIPPED, State.DELIVERED])


def differences(facts: Facts) -> list[Difference]:
    """Everything that does not fit, by kind."""
    found = [
        *_lost(facts),
        *_charged_wrongly(facts),
        *_ledger(facts),
        *_stock(facts),
        *_mails(facts),
        *_labels(facts),
        *_unfinished(facts),
    ]
    order = list(Kind)
    return sorted(found, key=lambda difference: (order.index(difference.kind), difference.subject))


def repeated_mails(facts: Facts) -> int:
    """How many mails were sent again: no difference, but worth knowing."""
    return len(facts.mails) - len({mail.message_id for mail in facts.mails})


def unused_labels(facts: Facts) -> int:
    """How many labels were bought just when their order was cancelled: no difference, but paid for."""
    cancelled = {order.id for order in facts.orders if order.state is State.CANCELLED}
    return sum(label.order_id in cancelled for label in facts.labels)


def _lost(facts: Facts) -> Iterator[Difference]:
    known = {order.id for order in facts.orders}
    accepted = facts.journal.accepted if facts.journal else frozenset()
    for order_id in sorted(accepted - known):
        yield Difference(
            Kind.LOST, order_id, "was accepted from the customer, but the order service has no such order"
        )
    for order_id, charges in _by_order(facts.charges).items():
        kept = sum(charge.captured - charge.refunded for charge in charges)
        if order_id not in known and kept > 0:
            yield Difference(Kind.LOST, order_id, f"{kept} was charged for an order that does not exist")


def _charged_wrongly(facts: Facts) -> Iterator[Difference]:
    charges = _by_order(facts.charges)
    for order in facts.orders:
        captured = [charge for charge in charges.get(order.id, []) if charge.captured > 0]
        total = sum(charge.captured for charge in captured)
        refunded = sum(charge.refunded for charge in captured)
        if len(captured) > 1 or total > order.total:
            ids = ", ".join(charge.id for charge in captured)
            yield Difference(Kind.DOUBLED, order.number, f"{total} was charged for {order.total} ({ids})")
        if order.state in _SOLD and total < order.total:
            yield Difference(
                Kind.LOST, order.number, f"is {order.state}, but only {total} of {order.total} was charged"
            )
        if order.state is State.CANCELLED and total > refunded:
            yield Difference(
                Kind.UNREFUNDED, order.number, f"is cancelled, but {total - refunded} of {total} was kept"
            )
        if refunded != order.refunded:
            yield Difference(
                Kind.UNREFUNDED, order.number, f"says {order.refunded} was refunded; the gateway, {refunded}"
            )


def _ledger(facts: Facts) -> Iterator[Difference]:
    numbers = {order.id: order.number for order in facts.orders}
    at_gateway = {
        order_id: (sum(each.captured for each in charges), sum(each.refunded for each in charges))
        for order_id, charges in _by_order(facts.charges).items()
    }
    in_ledger = {account.order_id: (account.captured, account.refunded) for account in facts.accounts}
    for order_id in sorted(at_gateway.keys() | in_ledger.keys()):
        ours, theirs = in_ledger.get(order_id, (0, 0)), at_gateway.get(order_id, (0, 0))
        if ours != theirs:
            text = (
                f"captured and refunded: {ours[0]} and {ours[1]} in the ledger, "
                f"{theirs[0]} and {theirs[1]} at the gateway"
            )
            yield Difference(Kind.LEDGER, numbers.get(order_id, order_id), text)


def _stock(facts: Facts) -> Iterator[Difference]:
    sold: Counter[str] = Counter()
    open_certainly: Counter[str] = Counter()
    open_possibly: Counter[str] = Counter()
    for order in facts.orders:
        if order.state in _SOLD:
            sold.update(order.quantities)
        elif order.state is not State.CANCELLED:
            open_possibly.update(order.quantities)
            if order.state is not State.PLACED:
                open_certainly.update(order.quantities)
    before = facts.journal.stock_before if facts.journal else {}
    for sku in sorted(before.keys() - {stock.sku for stock in facts.stock}):
        yield Difference(Kind.OVERSOLD, sku, f"{before[sku]} before; now the inventory does not know it")
    for stock in facts.stock:
        sku = stock.sku
        if stock.on_hand < 0 or stock.reserved < 0 or stock.reserved > stock.on_hand:
            text = f"{stock.on_hand} on hand, {stock.reserved} of them reserved"
            yield Difference(Kind.OVERSOLD, sku, text)
        if not open_certainly[sku] <= stock.reserved <= open_possibly[sku]:
            text = f"{stock.reserved} reserved, but open orders are for {open_possibly[sku]}"
            yield Difference(Kind.OVERSOLD, sku, text)
        if sku in before and stock.on_hand != before[sku] - sold[sku]:
            text = f"{before[sku]} before, {sold[sku]} sold, but {stock.on_hand} on hand"
            yield Difference(Kind.OVERSOLD, sku, text)


def _mails(facts: Facts) -> Iterator[Difference]:
    sent = {(mail.order_id, mail.kind) for mail in facts.mails}
    for order in facts.orders:
        for kind in _due(order):
            if (order.id, kind) not in sent:
                yield Difference(Kind.MISSING_MAIL, order.number, f"no mail tells of {kind}")


def _due(order: Order) -> Iterator[MailKind]:
    """The mails that an order's customer has a right to."""
    yield MailKind.PLACED
    if order.state in _SOLD or order.was_paid:
        yield MailKind.PAID
    if order.state in _SENT:
        yield MailKind.SHIPPED
    if order.state is State.CANCELLED:
        yield MailKind.CANCELLED
    if order.refunded:
        yield MailKind.REFUNDED


def _labels(facts: Facts) -> Iterator[Difference]:
    bought = Counter(label.order_id for label in facts.labels)
    for order in facts.orders:
        if bought[order.id] > 1:
            yield Difference(Kind.LABEL, order.number, f"{bought[order.id]} labels were bought")
        elif order.state in _SENT and not bought[order.id]:
            yield Difference(Kind.LABEL, order.number, f"is {order.state} without a label")


def _unfinished(facts: Facts) -> Iterator[Difference]:
    for order in facts.orders:
        if order.state not in _FINAL:
            yield Difference(Kind.UNFINISHED, order.number, f"is {order.state}")


def _by_order(charges: Iterable[Charge]) -> dict[str, list[Charge]]:
    grouped: dict[str, list[Charge]] = {}
    for charge in charges:
        grouped.setdefault(charge.order_id, []).append(charge)
    return grouped
