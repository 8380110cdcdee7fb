"""The HTTP application, put together."""

from fastapi import FastAPI
from storefront_common import problems
from storefront_common.database import Database
from storefront_common.identity import install_identity
from storefront_common.settings import GatewaySettings

from payment_service.ledger.endpoints import router as ledger_router
from payment_service.payments.endpoints import router as payments_router
from payment_service.settings import GatewayApiSettings
from payment_service.webhooks.endpoints import router as webhooks_router


def create_application(
    database: Database, gateway: GatewaySettings, payment_gateway: GatewayApiSettings
) -> FastAPI:
    """The public API on `database`.

    Args:
        gateway: how the API gateway proves itself.
        payment_gateway: how the payment gateway signs its webhooks.
    """
    # The documentation pages of FastAPI load scripts from elsewhere.
    app = FastAPI(title="Payment service", docs_url=None, redoc_url=None)
    app.state.database = database
    app.state.payment_gateway = payment_gateway
    problems.install(app)
    install_identity(app, gateway)
    # Before the payments, whose `/{payment_id}` fits everything.
    app.include_router(ledger_router)
    app.include_router(webhooks_router)
    app.include_router(payments_router)
    return app
