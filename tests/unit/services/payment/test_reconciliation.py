"""What the comparison of books and gateway finds."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from payment_service.gateway import DisputeReport, Intent, Phase, RefundReport, RefundStatus
from payment_service.ledger.entries import Entry
from payment_service.reconciliation.differences import Booked, compare

ORDER = UUID(int=1)
INTENT = Intent("pi_1", ORDER, Phase.CAPTURED, 1_000, 1_000, "EUR")
CAPTURED = Booked(ORDER, Entry.CAPTURED, 1_000, "EUR", "pi_1")
REFUND = RefundReport("re_1", UUID(int=2), "pi_1", 400, "EUR", RefundStatus.SUCCEEDED)
REFUNDED = Booked(ORDER, Entry.REFUNDED, 400, "EUR", "re_1")
DISPUTE = DisputeReport("dp_1", "pi_1", 600, "EUR", won=False)
DISPUTED = Booked(ORDER, Entry.DISPUTED, 600, "EUR", "dp_1")


def whats(*found: object) -> list[str]:
    return [difference.what for difference in compare(*found)]  # type: ignore[arg-type]


def test_books_that_agree_have_no_differences() -> None:
    authorised = Booked(ORDER, Entry.AUTHORISED, 1_000, "EUR", "pi_1")

    assert whats([authorised, CAPTURED, REFUNDED, DISPUTED], [INTENT], [REFUND], [DISPUTE]) == []


def test_what_only_one_side_has_is_found() -> None:
    assert whats([], [INTENT], [], []) == ["captured: the gateway has 10.00 EUR, the ledger nothing"]
    assert whats([CAPTURED], [], [], []) == ["captured: the gateway has nothing, the ledger 10.00 EUR"]
    assert whats([CAPTURED], [INTENT], [REFUND], []) == [
        "refunded: the gateway has 4.00 EUR, the ledger nothing"
    ]
    assert whats([CAPTURED], [INTENT], [], [DISPUTE]) == [
        "disputed: the gateway has 6.00 EUR, the ledger nothing"
    ]


def test_another_amount_or_currency_is_found() -> None:
    assert whats([replace(CAPTURED, amount=999)], [INTENT], [], []) == [
        "captured: the gateway has 10.00 EUR, the ledger 9.99 EUR"
    ]
    assert whats([replace(CAPTURED, currency="USD")], [INTENT], [], []) == [
        "captured: the gateway has 10.00 EUR, the ledger 10.00 USD"
    ]


def test_two_charges_for_one_order_are_found() -> None:
    second = replace(INTENT, id="pi_2")

    assert whats([CAPTURED], [INTENT, second], [], []) == [
        "charged 2 times",
        "captured: the gateway has 10.00 EUR, the ledger nothing",
        "charged 2 times",
    ]


def test_refunds_that_failed_and_disputes_that_were_won_are_settled() -> None:
    refund_failed = replace(REFUNDED, kind=Entry.REFUND_FAILED)
    won = replace(DISPUTED, kind=Entry.DISPUTE_WON)
    books = [CAPTURED, REFUNDED, refund_failed, DISPUTED, won]

    assert (
        whats(books, [INTENT], [replace(REFUND, status=RefundStatus.FAILED)], [replace(DISPUTE, won=True)])
        == []
    )


def test_what_the_account_sells_elsewhere_is_none_of_our_business() -> None:
    foreign = replace(INTENT, id="pi_9", order_id=None)

    assert whats([CAPTURED], [INTENT, foreign], [replace(REFUND, intent_id="pi_9")], []) == []
