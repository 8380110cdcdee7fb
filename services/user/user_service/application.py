"""What the service runs, put together."""

from collections.abc import Mapping

from fastapi import FastAPI
from storefront_common import problems
from storefront_common.database import Database
from storefront_common.events import UserDataErased, UserDataExported
from storefront_common.identity import install_identity
from storefront_common.messaging.broker import Broker
from storefront_common.messaging.consumer import Consumer, Handler
from storefront_common.messaging.outbox import OutboxRelay
from storefront_common.settings import GatewaySettings
from storefront_common.tasks import TaskRunner
from storefront_common.workers import Worker

from user_service.addresses.endpoints import router as addresses_router
from user_service.administration.endpoints import router as administration_router
from user_service.erasure import events as erasure_events
from user_service.erasure import service as erasure
from user_service.erasure.endpoints import router as erasure_router
from user_service.exports import events as export_events
from user_service.exports import service as exports
from user_service.exports.endpoints import router as exports_router
from user_service.profiles.endpoints import router as profiles_router

EVENTS: Mapping[str, Handler] = {
    UserDataErased.type: erasure_events.on_data_erased,
    UserDataExported.type: export_events.on_data_exported,
}
"""What the service does about events of others."""


def create_application(database: Database, gateway: GatewaySettings) -> FastAPI:
    """The API on `database`, for those whom `gateway` vouches for."""
    # The documentation pages of FastAPI load scripts from elsewhere.
    app = FastAPI(title="User service", docs_url=None, redoc_url=None)
    app.state.database = database
    problems.install(app)
    install_identity(app, gateway)
    # In this order: `/api/users/me` and `/api/users/erasures` are no ids of users.
    for router in (profiles_router, addresses_router, exports_router, erasure_router, administration_router):
        app.include_router(router)
    return app


def create_workers(database: Database, broker: Broker) -> Mapping[str, Worker]:
    """What runs beside the API, by name."""
    tasks = {
        erasure.REMIND: erasure_events.reminder(database),
        exports.TEND: export_events.tender(database),
    }
    return {
        "outbox": OutboxRelay(database, broker),
        "events": Consumer(broker.application, database, broker, EVENTS, prefetch=2),
        "tasks": TaskRunner(database, tasks, concurrency=1),
    }
