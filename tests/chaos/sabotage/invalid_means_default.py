"""An invalid spec is taken for one that says nothing."""

from __future__ import annotations

from typing import Any

from storefront_operator.api import InvalidStorefrontError, parse_storefront
from storefront_operator.engine import reconcile

from tests.chaos.sabotage.patching import replace


def disable() -> None:
    """Fall back to the defaults."""

    def lenient(resource: Any) -> Any:
        try:
            return parse_storefront(resource)
        except InvalidStorefrontError:
            return parse_storefront({**resource, "spec": {"domain": resource["spec"]["domain"]}})

    replace(reconcile, "parse_storefront", lenient)
