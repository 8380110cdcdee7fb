"""What many customers are going to do, and what they write down."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from storefront_dev.shop.customer import DECLINED, THREE_D_SECURE, VISA
from storefront_dev.shop.journal import Journal, JournalError
from storefront_dev.shop.load import Mix, Outcome, Purchase, plan, summary
from storefront_dev.shop.products import Product

PRODUCTS = [Product(f"p{number}", f"SKU-{number}", 100, 1000) for number in range(5)]
SCARCE = Product("scarce", "SKU-S", 100, 10)


def _plan(count: int = 500, mix: Mix | None = None, seed: int = 1) -> list[Purchase]:
    return plan(count, PRODUCTS, SCARCE, mix or Mix(), random.Random(seed))


def test_the_same_seed_gives_the_same_customers() -> None:
    assert _plan() == _plan()
    assert _plan() != _plan(seed=2)


def test_exactly_the_share_that_was_asked_for_wants_what_is_scarce() -> None:
    assert sum(SCARCE.id in purchase.wanted for purchase in _plan(mix=Mix(scarce=0.2))) == 100
    assert all(SCARCE.id not in purchase.wanted for purchase in _plan(mix=Mix(scarce=0)))


def test_every_kind_of_customer_comes() -> None:
    purchases = _plan()
    assert {purchase.card for purchase in purchases} == {VISA, DECLINED, THREE_D_SECURE}
    assert {purchase.submits for purchase in purchases} == {1, 2, 3}
    assert any(purchase.cancels_after is not None for purchase in purchases)
    refusing = [purchase for purchase in purchases if purchase.card == THREE_D_SECURE]
    assert {purchase.authenticates for purchase in refusing} == {True, False}


def test_a_mix_of_nothing_gives_plain_customers() -> None:
    for purchase in _plan(50, Mix(0, 0, 0, 0, 0)):
        assert (purchase.card, purchase.submits, purchase.cancels_after) == (VISA, 1, None)


def test_a_journal_survives_its_file(tmp_path: Path) -> None:
    outcomes = [Outcome(each) for each in _plan(3)]
    outcomes[0].orders = {"o1"}
    outcomes[1].orders = {"o2", "o3"}
    journal = Journal.of(outcomes, [SCARCE], "2026-01-01T10:00:00Z")
    journal.write(tmp_path / "shop/journal.json")
    assert Journal.read(tmp_path / "shop/journal.json") == journal
    assert journal.accepted == ("o1", "o2", "o3")
    assert journal.stock_before == {"SKU-S": 10}


def test_a_journal_covers_what_came_after_the_order_from_before() -> None:
    journal = Journal((), {}, "2026-01-01T10:00:00+00:00")
    assert journal.covers("2026-01-01T10:00:00.001Z")
    assert not journal.covers("2026-01-01T10:00:00Z")
    assert Journal((), {}, None).covers("2000-01-01T00:00:00Z")


def test_what_is_no_journal_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="is no journal"):
        Journal.read(tmp_path / "nothing.json")
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(JournalError, match="is no journal"):
        Journal.read(tmp_path / "other.json")


def test_the_summary_tells_how_it_went() -> None:
    first, second, third = (Outcome(each) for each in _plan(3))
    first.order_id, first.state, first.seconds = "o1", "shipped", 1.5
    second.reason = "out of stock"
    third.failure = "POST /api/orders: 500"
    text = summary([first, second, third])
    assert "3 customers: 1 failed, 1 refused, 1 shipped" in text
    assert "1 out of stock" in text
    assert "failed: POST /api/orders: 500" in text
    assert "median 1.5 s" in text
