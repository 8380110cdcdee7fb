"""Nothing is ever pruned."""

from __future__ import annotations

from storefront_operator.engine import plan

from tests.chaos.sabotage.patching import replace


def disable() -> None:
    """Take nothing for prunable."""
    replace(plan, "_is_prunable", lambda child: False)
