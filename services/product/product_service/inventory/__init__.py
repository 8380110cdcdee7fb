"""Stock: what there is of each SKU, and what of it is put aside for orders."""

from product_service.inventory.movements import note
from product_service.inventory.repository import was_ordered

__all__ = ["note", "was_ordered"]
