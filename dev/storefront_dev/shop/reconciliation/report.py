"""The result of a comparison as a table for people."""

from collections import Counter
from collections.abc import Sequence

from storefront_dev.shop.reconciliation.differences import Difference, Kind, repeated_mails, unused_labels
from storefront_dev.shop.reconciliation.facts import Facts, State

_SHOWN = 20


def report(facts: Facts, found: Sequence[Difference]) -> str:
    """What was compared, how often each kind of difference occurred, and the first of each kind."""
    states = Counter(order.state for order in facts.orders)
    captured = sum(charge.captured for charge in facts.charges)
    refunded = sum(charge.refunded for charge in facts.charges)
    distinct = len({mail.message_id for mail in facts.mails})
    lines = [
        _row("orders", f"{len(facts.orders)}", _listed(states)),
        _row(
            "charges", f"{sum(charge.captured > 0 for charge in facts.charges)}", _money(captured, refunded)
        ),
        _row("emails", f"{distinct}", f"distinct Message-IDs; {repeated_mails(facts)} repeated"),
        _row(
            "labels",
            f"{len(facts.labels)}",
            f"{unused_labels(facts)} of orders that were cancelled meanwhile",
        ),
        _row("products", f"{len(facts.stock)}", ""),
        "",
    ]
    counts = Counter(difference.kind for difference in found)
    lines += [_row(kind.value, str(counts[kind]), "") for kind in Kind]
    for kind in Kind:
        of_kind = [difference for difference in found if difference.kind is kind]
        if of_kind:
            lines += ["", f"{kind.value}:"]
            lines += [f"  {each.subject}: {each.text}" for each in of_kind[:_SHOWN]]
            if len(of_kind) > _SHOWN:
                lines.append(f"  … and {len(of_kind) - _SHOWN} more")
    return "\n".join(line.rstrip() for line in lines)


def _row(name: str, number: str, note: str) -> str:
    return f"{name:<16}{number:>8}  {note}"


def _listed(states: Counter[State]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items()))


def _money(captured: int, refunded: int) -> str:
    return f"{captured / 100:,.2f} EUR captured, {refunded / 100:,.2f} EUR refunded"
