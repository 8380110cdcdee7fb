"""Entity tags of products.

A tag is `"3"`, or `"3.17"` when orders and stock keeping have changed the amounts 17 times. What a client sees changes
with both numbers, so both are in the tag; what somebody edits conflicts only with what somebody else has edited, so
`If-Match` looks at the first.
"""

import re

from storefront_common import conditional

from product_service.catalogue.tables import Product

_STOCK_PART = re.compile(r'^("?\d{1,9})\.\d{1,10}("?)$')


def tag(product: Product) -> str:
    """The product's entity tag."""
    if product.stock_version == 0:
        return conditional.etag(product.version)
    return conditional.etag(f"{product.version}.{product.stock_version}")


def expected_version(if_match: str | None) -> int | None:
    """The version that the client changes; None when any will do.

    Raises:
        InvalidInputError: the header names no version.
    """
    if if_match is not None:
        if_match = _STOCK_PART.sub(r"\1\2", if_match.strip())
    return conditional.expected_version(if_match)
