"""The Storefront resource: models, defaults, CRD."""

from storefront_operator.api.storefront import (
    GROUP_VERSION,
    KIND,
    LAYERS,
    InvalidStorefrontError,
    Storefront,
    parse_storefront,
)

__all__ = ["GROUP_VERSION", "KIND", "LAYERS", "InvalidStorefrontError", "Storefront", "parse_storefront"]
