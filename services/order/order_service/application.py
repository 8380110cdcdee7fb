"""The HTTP application, put together."""

from fastapi import FastAPI
from storefront_common import problems
from storefront_common.identity import install_identity
from storefront_common.settings import GatewaySettings

from order_service.carts.endpoints import router as carts_router
from order_service.components import Components
from order_service.orders.endpoints import router as orders_router
from order_service.shipping.endpoints import router as shipping_router


def create_application(components: Components, gateway: GatewaySettings) -> FastAPI:
    """The public API on `components`."""
    # The documentation pages of FastAPI load scripts from elsewhere.
    app = FastAPI(title="Order service", docs_url=None, redoc_url=None)
    app.state.database = components.database
    app.state.carts = components.carts
    app.state.shipping = components.shipping
    app.state.checkout = components.checkout
    app.state.transitions = components.transitions
    problems.install(app)
    install_identity(app, gateway)
    app.include_router(carts_router)
    app.include_router(shipping_router)
    app.include_router(orders_router)
    return app
