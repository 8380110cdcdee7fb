"""All of the service's tables: importing a module of tables makes the metadata know them."""

from order_service.carts import tables as _carts  # noqa: F401
from order_service.customers import tables as _customers  # noqa: F401
from order_service.orders import tables as _orders  # noqa: F401
from order_service.privacy import tables as _privacy  # noqa: F401
from order_service.products import tables as _products  # noqa: F401
from order_service.shipping import tables as _shipping  # noqa: F401
from order_service.tables import Table

METADATA = Table.metadata
