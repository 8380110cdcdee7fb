"""The docs keep up with the code."""

from __future__ import annotations

from pathlib import Path

import pytest
from storefront_operator.components import COMPONENTS, Component, Reason

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_explained(reason: Reason) -> None:
    assert f"### {reason.value}\n" in (DOCS / "conditions.md").read_text()


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.name)
def test_every_condition_is_explained(component: Component) -> None:
    types = (DOCS / "conditions.md").read_text().partition("## Types")[2].partition("# Reasons")[0]
    assert f"`{component.condition}`" in types
