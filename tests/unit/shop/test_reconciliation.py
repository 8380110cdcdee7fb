"""The books of a shop: nothing is found where all fits, and every kind of difference is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from storefront_dev.shop.reconciliation.differences import (
    Difference,
    Kind,
    differences,
    repeated_mails,
    unused_labels,
)
from storefront_dev.shop.reconciliation.facts import (
    Account,
    Charge,
    Facts,
    Journal,
    Label,
    Mail,
    MailKind,
    Order,
    State,
    Stock,
)
from storefront_dev.shop.reconciliation.report import report

SHIPPED = Order("o1", "S-1", State.SHIPPED, 2000, {"CUP": 2}, was_paid=True)
OUT_OF_STOCK = Order("o2", "S-2", State.CANCELLED, 9000, {"CUP": 9})
RETURNED = Order("o3", "S-3", State.CANCELLED, 1000, {"PEN": 1}, refunded=1000, was_paid=True)

CONSISTENT = Facts(
    orders=(SHIPPED, OUT_OF_STOCK, RETURNED),
    stock=(Stock("CUP", 3, 0), Stock("PEN", 7, 0)),
    accounts=(Account("o1", 2000, 0), Account("o3", 1000, 1000)),
    charges=(Charge("pi_1", "o1", 2000, 0), Charge("pi_2", "o2", 0, 0), Charge("pi_3", "o3", 1000, 1000)),
    mails=(
        *(Mail(f"<o1.{kind}>", "o1", kind) for kind in (MailKind.PLACED, MailKind.PAID, MailKind.SHIPPED)),
        *(Mail(f"<o2.{kind}>", "o2", kind) for kind in (MailKind.PLACED, MailKind.CANCELLED)),
        *(Mail(f"<o3.{kind}>", "o3", kind) for kind in MailKind if kind is not MailKind.SHIPPED),
    ),
    labels=(Label("l1", "o1"),),
    journal=Journal(frozenset(["o1", "o2", "o3"]), {"CUP": 5, "PEN": 7}),
)


def _found(**changes: Any) -> list[tuple[Kind, str]]:
    return [(each.kind, each.subject) for each in differences(replace(CONSISTENT, **changes))]


def test_nothing_is_found_where_all_fits() -> None:
    assert differences(CONSISTENT) == []


def test_the_journal_is_not_needed_for_what_the_systems_know_themselves() -> None:
    assert _found(journal=None) == []


def test_an_accepted_order_that_is_gone_is_lost() -> None:
    journal = replace(CONSISTENT.journal, accepted=frozenset(["o1", "o2", "o3", "o4"]))
    assert _found(journal=journal) == [(Kind.LOST, "o4")]


def test_a_charge_for_no_order_is_a_lost_order() -> None:
    charges = (*CONSISTENT.charges, Charge("pi_9", "o9", 500, 0))
    accounts = (*CONSISTENT.accounts, Account("o9", 500, 0))
    assert _found(charges=charges, accounts=accounts) == [(Kind.LOST, "o9")]


def test_a_shipped_order_that_nobody_paid_is_lost_money() -> None:
    assert _found(charges=CONSISTENT.charges[1:], accounts=CONSISTENT.accounts[1:]) == [(Kind.LOST, "S-1")]


def test_a_second_charge_is_found_though_the_ledger_does_not_know_it() -> None:
    charges = (*CONSISTENT.charges, Charge("pi_9", "o1", 2000, 0))
    assert _found(charges=charges) == [(Kind.DOUBLED, "S-1"), (Kind.LEDGER, "S-1")]


def test_money_of_a_cancelled_order_that_was_kept_is_found() -> None:
    charges = (CONSISTENT.charges[0], Charge("pi_2", "o2", 9000, 0), CONSISTENT.charges[2])
    accounts = (*CONSISTENT.accounts, Account("o2", 9000, 0))
    assert _found(charges=charges, accounts=accounts) == [(Kind.UNREFUNDED, "S-2")]


def test_a_double_refund_is_found() -> None:
    charges = (*CONSISTENT.charges[:2], Charge("pi_3", "o3", 1000, 2000))
    accounts = (CONSISTENT.accounts[0], Account("o3", 1000, 2000))
    assert _found(charges=charges, accounts=accounts) == [(Kind.UNREFUNDED, "S-3")]


@pytest.mark.parametrize(
    "accounts",
    [
        CONSISTENT.accounts[:1],
        (*CONSISTENT.accounts[:1], Account("o3", 1000, 500)),
        (Account("o1", 2000, 0), Account("o3", 999, 1000)),
    ],
)
def test_a_ledger_that_tells_other_amounts_is_found(accounts: tuple[Account, ...]) -> None:
    assert {kind for kind, _ in _found(accounts=accounts)} == {Kind.LEDGER}


@pytest.mark.parametrize(
    "cups",
    [
        Stock("CUP", -1, 0),  # more gone than there was
        Stock("CUP", 2, 0),  # more gone than was sold
        Stock("CUP", 5, 0),  # sold, but not taken out
        Stock("CUP", 3, 1),  # reserved for nobody
        Stock("CUP", 3, 4),  # more reserved than there is
    ],
)
def test_stock_that_does_not_fit_the_orders_is_found(cups: Stock) -> None:
    assert set(_found(stock=(cups, CONSISTENT.stock[1]))) == {(Kind.OVERSOLD, "CUP")}


def test_stock_that_nobody_knows_any_more_is_found() -> None:
    assert _found(stock=CONSISTENT.stock[1:]) == [(Kind.OVERSOLD, "CUP")]


def test_what_open_orders_reserve_fits() -> None:
    waiting = Order("o4", "S-4", State.ACTION_REQUIRED, 1000, {"CUP": 1})
    mails = (*CONSISTENT.mails, Mail("<o4>", "o4", MailKind.PLACED))
    changes = {"orders": (*CONSISTENT.orders, waiting), "mails": mails}
    assert _found(**changes, stock=(Stock("CUP", 3, 1), CONSISTENT.stock[1])) == [(Kind.UNFINISHED, "S-4")]
    assert (Kind.OVERSOLD, "CUP") in _found(**changes)


@pytest.mark.parametrize("missing", range(len(CONSISTENT.mails)))
def test_every_mail_that_is_missing_is_found(missing: int) -> None:
    mails = CONSISTENT.mails[:missing] + CONSISTENT.mails[missing + 1 :]
    number = f"S-{CONSISTENT.mails[missing].order_id[1:]}"
    assert _found(mails=mails) == [(Kind.MISSING_MAIL, number)]


def test_a_repeated_mail_is_counted_but_no_difference() -> None:
    facts = replace(CONSISTENT, mails=(*CONSISTENT.mails, CONSISTENT.mails[0]))
    assert differences(facts) == []
    assert repeated_mails(facts) == 1
    assert "1 repeated" in report(facts, [])


def test_a_label_that_was_bought_while_its_order_was_cancelled_is_counted_but_no_difference() -> None:
    facts = replace(CONSISTENT, labels=(*CONSISTENT.labels, Label("l2", "o3")))
    assert differences(facts) == []
    assert unused_labels(facts) == 1
    assert "1 of orders that were cancelled meanwhile" in report(facts, [])


def test_a_missing_and_a_second_label_are_found() -> None:
    assert _found(labels=()) == [(Kind.LABEL, "S-1")]
    assert _found(labels=(Label("l1", "o1"), Label("l2", "o1"))) == [(Kind.LABEL, "S-1")]


@pytest.mark.parametrize(
    "state", [state for state in State if state not in (State.SHIPPED, State.DELIVERED, State.CANCELLED)]
)
def test_an_order_that_hangs_is_found(state: State) -> None:
    orders = (*CONSISTENT.orders, Order("o4", "S-4", state, 0, {}))
    assert (Kind.UNFINISHED, "S-4") in _found(orders=orders)


def test_the_report_counts_every_kind_and_names_what_differs() -> None:
    text = report(CONSISTENT, [Difference(Kind.DOUBLED, "S-1", "4000 was charged for 2000 (pi_1, pi_9)")])
    rows = dict(line.rsplit(maxsplit=1) for line in text.splitlines() if line.endswith((" 0", " 1")))
    assert rows["doubled charges"] == "1"
    assert rows["lost"] == rows["oversold"] == rows["missing emails"] == rows["unfinished"] == "0"
    assert "S-1: 4000 was charged for 2000" in text
    assert "2 cancelled, 1 shipped" in text
