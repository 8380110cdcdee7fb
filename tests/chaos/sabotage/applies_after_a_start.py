"""After a start everything is applied once, as many operators do."""

from __future__ import annotations

from typing import Any

from storefront_operator.engine import plan

from tests.chaos.sabotage.patching import by_name, replace


def disable() -> None:
    """Trust only what this process has written itself."""
    why = plan._why

    def mistrusting(*arguments: Any) -> Any:
        call = by_name(why, *arguments)
        live = call["live"]
        if live is not None and not live.deleting and call["applied"] is None:
            return plan.Why.UPDATE
        return why(*arguments)

    replace(plan, "_why", mistrusting)
