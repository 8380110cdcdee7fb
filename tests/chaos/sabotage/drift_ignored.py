"""A child that carries the right annotation is taken to be right."""

from __future__ import annotations

from typing import Any

from storefront_operator.engine import plan

from tests.chaos.sabotage.patching import by_name, replace


def disable() -> None:
    """Compare the annotation only."""
    why = plan._why

    def trusting(*arguments: Any) -> Any:
        call = by_name(why, *arguments)
        live = call["live"]
        if live is not None and live.desired_hash == call["desired_hash"]:
            return None
        return why(*arguments)

    replace(plan, "_why", trusting)
