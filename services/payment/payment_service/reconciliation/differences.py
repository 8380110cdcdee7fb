"""Finds what the ledger and the gateway do not agree about; pure, from both sides' records to differences."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from payment_service.gateway import DisputeReport, Intent, Phase, RefundReport, RefundStatus
from payment_service.ledger.entries import Entry


@dataclass(frozen=True, slots=True)
class Booked:
    """An entry of the ledger."""

    order_id: UUID
    kind: Entry
    amount: int
    currency: str
    gateway_object: str


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """Something that one side has and the other has not, or not so."""

    order_id: str
    gateway_object: str
    what: str
    """For people: what is wrong."""


def compare(
    booked: Iterable[Booked],
    intents: Iterable[Intent],
    refunds: Iterable[RefundReport],
    disputes: Iterable[DisputeReport],
) -> list[Difference]:
    """All differences, sorted. Of the gateway only what belongs to orders of ours counts."""
    ours = [intent for intent in intents if intent.order_id is not None]
    orders = {intent.id: intent.order_id for intent in ours if intent.order_id is not None}
    expected: dict[tuple[Entry, str], tuple[int, str]] = {}
    for intent in ours:
        if intent.phase is Phase.CAPTURED:
            expected[Entry.CAPTURED, intent.id] = intent.captured, intent.currency
    for refund in refunds:
        if refund.intent_id in orders and refund.status is RefundStatus.SUCCEEDED:
            expected[Entry.REFUNDED, refund.id] = refund.amount, refund.currency
            orders[refund.id] = orders[refund.intent_id]
    for dispute in disputes:
        if dispute.intent_id in orders:
            kind = Entry.DISPUTE_WON if dispute.won else Entry.DISPUTED
            expected[kind, dispute.id] = dispute.amount, dispute.currency
            orders[dispute.id] = orders[dispute.intent_id]

    found = _net(booked)
    orders |= {entry.gateway_object: entry.order_id for entry in booked}
    differences = [
        Difference(
            str(orders[thing]), thing, _what(kind, expected.get((kind, thing)), found.get((kind, thing)))
        )
        for kind, thing in expected.keys() | found.keys()
        if expected.get((kind, thing)) != found.get((kind, thing))
    ]
    return sorted(differences + _double_charges(ours))


def _net(booked: Iterable[Booked]) -> dict[tuple[Entry, str], tuple[int, str]]:
    """What the ledger says of each object now: a refund that failed is none, a dispute that was won is only that."""
    entries = {(entry.kind, entry.gateway_object): (entry.amount, entry.currency) for entry in booked}
    for kind, thing in list(entries):
        if kind is Entry.REFUND_FAILED:
            entries.pop((Entry.REFUNDED, thing), None)
        if kind is Entry.DISPUTE_WON:
            entries.pop((Entry.DISPUTED, thing), None)
    compared = (Entry.CAPTURED, Entry.REFUNDED, Entry.DISPUTED, Entry.DISPUTE_WON)
    return {key: value for key, value in entries.items() if key[0] in compared}


def _what(kind: Entry, gateway: tuple[int, str] | None, ledger: tuple[int, str] | None) -> str:
    def amount(side: tuple[int, str] | None) -> str:
        return "nothing" if side is None else f"{side[0] / 100:.2f} {side[1]}"

    return f"{kind.replace('_', ' ')}: the gateway has {amount(gateway)}, the ledger {amount(ledger)}"


def _double_charges(intents: Iterable[Intent]) -> list[Difference]:
    by_order: defaultdict[UUID, list[Intent]] = defaultdict(list)
    for intent in intents:
        if intent.phase is Phase.CAPTURED and intent.order_id is not None:
            by_order[intent.order_id].append(intent)
    return [
        Difference(str(order_id), charge.id, f"charged {len(charges)} times")
        for order_id, charges in by_order.items()
        if len(charges) > 1
        for charge in charges
    ]
