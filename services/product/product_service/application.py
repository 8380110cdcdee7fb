"""The HTTP application, put together."""

from fastapi import FastAPI
from storefront_common import problems
from storefront_common.database import Database

from product_service.catalogue.endpoints import router as catalogue_router
from product_service.pictures.endpoints import router as pictures_router


def create_application(database: Database) -> FastAPI:
    """The public API on `database`."""
    # The documentation pages of FastAPI load scripts from elsewhere.
    app = FastAPI(title="Product service", docs_url=None, redoc_url=None)
    app.state.database = database
    problems.install(app)
    app.include_router(catalogue_router)
    app.include_router(pictures_router)
    return app
