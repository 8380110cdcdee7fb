"""The docs keep up with the code."""

from __future__ import annotations

from pathlib import Path

import pytest
from storefront_operator.components import Reason

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_explained(reason: Reason) -> None:
    assert f"### {reason.value}\n" in (DOCS / "conditions.md").read_text()
