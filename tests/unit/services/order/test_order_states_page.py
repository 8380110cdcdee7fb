"""The page about the states of an order is that of the rules."""

from __future__ import annotations

from pathlib import Path

from order_service.orders import diagram
from order_service.orders.lifecycle import RULES

PAGE = Path(__file__).parents[4] / "docs/services/order-states.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == diagram.page(), "run `make generate`"


def test_every_rule_is_on_the_page() -> None:
    page = diagram.page()
    for rule in RULES:
        for source in rule.sources:
            if rule.target not in (None, source):
                assert f"  {source} --> {rule.target} : {rule.trigger}" in page
