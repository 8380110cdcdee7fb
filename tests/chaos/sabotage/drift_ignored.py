"""A child that carries the right annotation is taken to be right."""

from __future__ import annotations

from typing import Any

from storefront_operator.engine import plan

from tests.chaos.sabotage.patching import replace


def disable() -> None:
    """Compare the annotation only."""
    why = plan._why

    def trusting(desired_hash: str, live: Any, *others: Any) -> Any:
        if live is not None and live.desired_hash == desired_hash:
            return None
        return why(desired_hash, live, *others)

    replace(plan, "_why", trusting)
