"""After a start everything is applied once, as many operators do."""

from __future__ import annotations

from typing import Any

from storefront_operator.engine import plan

from tests.chaos.sabotage.patching import replace


def disable() -> None:
    """Trust only what this process has written itself."""
    why = plan._why

    def mistrusting(desired_hash: str, live: Any, applied: Any) -> Any:
        if live is not None and not live.deleting and applied is None:
            return plan.Why.UPDATE
        return why(desired_hash, live, applied)

    replace(plan, "_why", mistrusting)
