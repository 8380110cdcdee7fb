"""The HTTP application, put together."""

from fastapi import FastAPI
from storefront_common import problems
from storefront_common.database import Database
from storefront_common.identity import install_identity
from storefront_common.settings import GatewaySettings

from product_service.cache import ProductCache
from product_service.catalogue.endpoints import router as catalogue_router
from product_service.categories.endpoints import router as categories_router
from product_service.inventory.endpoints import router as inventory_router
from product_service.pictures.endpoints import router as pictures_router
from product_service.search.endpoints import router as search_router
from product_service.search.index import SearchIndex


def create_application(
    database: Database, product_cache: ProductCache, search_index: SearchIndex, gateway: GatewaySettings
) -> FastAPI:
    """The public API on these stores; `gateway` says whom to believe who asks."""
    # The documentation pages of FastAPI load scripts from elsewhere.
    app = FastAPI(title="Product service", docs_url=None, redoc_url=None)
    app.state.database = database
    app.state.product_cache = product_cache
    app.state.search_index = search_index
    install_identity(app, gateway)
    problems.install(app)
    for router in (
        catalogue_router,
        pictures_router,
        categories_router,
        search_router,
        inventory_router,
    ):
        app.include_router(router)
    return app
