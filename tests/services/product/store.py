"""The service's own functions on a real database, without a process around them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID, uuid4

from product_service.catalogue import service as catalogue
from product_service.catalogue.schemas import ProductDraft
from product_service.catalogue.tables import Product
from product_service.inventory import reservations
from product_service.inventory.tables import Reservation, StockMovement
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.database import Database
from storefront_common.events import OrderSummary
from storefront_common.schemas import Money
from storefront_common.settings import DatabaseSettings

from tests.services.product.orders import Item, paid

Result = TypeVar("Result")


class Store:
    """A database of the product service, and what is in it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        given = {
            name.removeprefix("DATABASE_").lower(): value
            for name, value in environment.items()
            if name.startswith("DATABASE_")
        }
        self.database = Database(DatabaseSettings.model_validate({**given, "pool_size": 12}), "product")

    async def __aenter__(self) -> Store:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.database.close()

    async def write(self, work: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        """The result of `work` in a transaction of its own."""
        return await self.database.write(work)

    async def product(self, stock: int, *, price: int = 1000, sku: str | None = None) -> Item:
        """A new product, as something to be ordered."""
        draft = ProductDraft(
            sku=sku or f"S-{uuid4().hex[:12]}",
            name="Lamp",
            category="lamps",
            price=Money(amount=price),
            stock=stock,
        )
        created = await self.write(lambda session: catalogue.create_product(session, draft, "admin"))
        return Item(created.id, created.sku, 1, price)

    async def amounts(self, item: Item) -> tuple[int, int]:
        """(what is on hand, what of it is reserved)."""
        product = await self._one(select(Product).where(Product.id == item.product_id))
        return product.stock, product.reserved

    async def state(self, order_id: UUID) -> str | None:
        """What has become of the order's reservation."""
        reservation = await self._one(select(Reservation).where(Reservation.order_id == order_id))
        return None if reservation is None else reservation.state

    async def movements(self, item: Item) -> list[tuple[str, int]]:
        """(kind, change) of the product's stock, oldest first."""
        statement = (
            select(StockMovement)
            .where(StockMovement.product_id == item.product_id)
            .order_by(StockMovement.id)
        )

        async def read(session: AsyncSession) -> list[tuple[str, int]]:
            return [(row.kind, row.change) for row in (await session.execute(statement)).scalars()]

        return await self.database.read(read)

    async def events(self, subject: UUID) -> list[tuple[str, int, dict[str, Any]]]:
        """(type, version, data) of what was told about an order or a product, in order."""
        statement = text(
            "SELECT type, aggregateversion, data FROM outbox WHERE subject = :subject ORDER BY position"
        )

        async def read(session: AsyncSession) -> list[tuple[str, int, dict[str, Any]]]:
            rows = await session.execute(statement, {"subject": str(subject)})
            return [(row.type, row.aggregateversion, row.data) for row in rows]

        return await self.database.read(read)

    async def look_now(self) -> None:
        """Have tasks that look for something now and then look at once."""
        statement = text("UPDATE tasks SET run_at = now()")

        async def hurry(session: AsyncSession) -> None:
            await session.execute(statement)

        await self.write(hurry)

    async def _one(self, statement: Any) -> Any:
        async def read(session: AsyncSession) -> Any:
            return (await session.execute(statement)).scalar_one_or_none()

        return await self.database.read(read)


async def reserve(store: Store, order: OrderSummary) -> None:
    """What the service does when the order is placed."""
    await store.write(lambda session: reservations.reserve(session, order))


async def release(store: Store, order: OrderSummary) -> None:
    """What it does when the order is cancelled."""
    await store.write(lambda session: reservations.release(session, order.order_id))


async def commit(store: Store, order: OrderSummary) -> None:
    """What it does when the order is paid."""
    await store.write(lambda session: reservations.commit(session, paid(order)))
