"""What endpoints are given by the application that runs them.

All are coroutines: FastAPI would call a plain function in a thread, which costs more than the function.
"""

from typing import Annotated

from fastapi import Depends, Request
from storefront_common.database import Database

from payment_service.settings import GatewayApiSettings


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _payment_gateway(request: Request) -> GatewayApiSettings:
    settings: GatewayApiSettings = request.app.state.payment_gateway
    return settings


DatabaseDependency = Annotated[Database, Depends(_database)]
PaymentGatewayDependency = Annotated[GatewayApiSettings, Depends(_payment_gateway)]
