"""Replace one mechanism of the operator; a name that no longer exists is an error, not a sabotage that does nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def replace(owner: Any, name: str, substitute: Any) -> Any:
    """Put `substitute` in the place of an attribute and return what was there."""
    original = getattr(owner, name)
    setattr(owner, name, substitute)
    return original


def by_name(function: Callable[..., Any], *arguments: Any, **named: Any) -> dict[str, Any]:
    """The arguments of a call by the names of `function`'s parameters, wherever they stand."""
    return dict(inspect.signature(function).bind(*arguments, **named).arguments)
