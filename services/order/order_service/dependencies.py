"""What endpoints are given by the application that runs them.

All are coroutines: FastAPI would call a plain function in a thread, which costs more than the function.
"""

from typing import Annotated

from fastapi import Depends, Request
from storefront_common.database import Database

from order_service.carts.service import CartService
from order_service.orders.checkout import Checkout
from order_service.orders.transitions import Transitions
from order_service.shipping.service import ShippingService


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _carts(request: Request) -> CartService:
    carts: CartService = request.app.state.carts
    return carts


async def _shipping(request: Request) -> ShippingService:
    shipping: ShippingService = request.app.state.shipping
    return shipping


async def _checkout(request: Request) -> Checkout:
    checkout: Checkout = request.app.state.checkout
    return checkout


async def _transitions(request: Request) -> Transitions:
    transitions: Transitions = request.app.state.transitions
    return transitions


DatabaseDependency = Annotated[Database, Depends(_database)]
Carts = Annotated[CartService, Depends(_carts)]
Shipping = Annotated[ShippingService, Depends(_shipping)]
CheckoutDependency = Annotated[Checkout, Depends(_checkout)]
TransitionsDependency = Annotated[Transitions, Depends(_transitions)]
