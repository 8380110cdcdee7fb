"""What an order asks for, product by product."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from storefront_common.events import OrderLine


@dataclass
class Wanted:
    """How many of one SKU, and at which prices (minor units and currency; normally one)."""

    sku: str
    product_ids: set[UUID] = field(default_factory=set)
    quantity: int = 0
    prices: set[tuple[int, str]] = field(default_factory=set)


def summed(lines: Sequence[OrderLine]) -> list[Wanted]:
    """What `lines` ask for, summed per SKU, by SKU.

    Everybody who locks products does it in this order, so that no two orders wait for each other: the order of code
    points, which PostgreSQL calls the collation "C".
    """
    by_sku: dict[str, Wanted] = {}
    for line in lines:
        wanted = by_sku.setdefault(line.sku, Wanted(line.sku))
        wanted.product_ids.add(line.product_id)
        wanted.quantity += line.quantity
        wanted.prices.add((line.unit_price.amount, line.unit_price.currency))
    return [by_sku[sku] for sku in sorted(by_sku)]
