"""What is to be pruned is known from the process's own writes only, not from what is in the cluster."""

from __future__ import annotations

from dataclasses import replace as with_values
from typing import Any

from storefront_operator.engine import plan as planning
from storefront_operator.engine import reconcile

from tests.chaos.sabotage.patching import replace


def disable() -> None:
    """Prune only what this process has written."""
    make_plan = planning.make_plan

    def forgetful(desired: Any, observed: Any, applied: Any, steady: Any = ()) -> Any:
        plan = make_plan(desired, observed, applied, steady)
        return with_values(plan, prune=[child for child in plan.prune if child.key in applied])

    replace(reconcile, "make_plan", forgetful)
