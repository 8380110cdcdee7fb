"""The order service in the test's own process: its API, its handlers of events and its tasks, without a broker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

import httpx2
from order_service.application import create_application
from order_service.cache import Cache
from order_service.components import Components
from order_service.settings import OrderSettings
from order_service.shipping.provider import Label, Parcel, ShippingProvider
from order_service.shipping.schemas import Address, Rate
from sqlalchemy import text
from storefront_common.cache import RedisConnection
from storefront_common.database import Database
from storefront_common.events import (
    CATALOGUE,
    Event,
    EventData,
    Money,
    OrderLine,
    PaymentCaptured,
    PaymentFailed,
    PaymentRefunded,
    ProductChanged,
    ProductRemoved,
    StockReserved,
    UserChanged,
)
from storefront_common.schemas import Money as Price
from storefront_common.settings import GatewaySettings, RedisSettings
from storefront_common.tasks import Reschedule, Task

from tests.services.identities import claims
from tests.services.order.order_process import database_settings

ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "Invalidenstraße 116",
    "line2": None,
    "postalCode": "10115",
    "city": "Berlin",
    "country": "DE",
}


class Carrier:
    """A shipping company in memory: what it is asked for, it does."""

    def __init__(self) -> None:
        self.price = 490
        self.labels: dict[str, Label] = {}
        self.error: Exception | None = None
        self.weights: list[int] = []

    async def rates(self, destination: Address, parcels: Sequence[Parcel]) -> list[Rate]:
        """See `ShippingProvider`."""
        if self.error:
            raise self.error
        self.weights = [parcel.weight_grams for parcel in parcels]
        return [
            Rate(
                id=f"rate_{service}",
                carrier="Test",
                service=service,
                price=Price(amount=amount),
                estimated_days=3,
            )
            for service, amount in (("express", 2 * self.price), ("standard", self.price))
        ]

    async def buy_label(
        self,
        key: str,
        *,
        rate_id: str | None,
        service: str,
        destination: Address,
        parcels: Sequence[Parcel],
        reference: str,
    ) -> Label:
        """See `ShippingProvider`."""
        if self.error:
            raise self.error
        made = Label(f"lbl_{key}", "Test", service, f"T-{reference}", "http://127.0.0.1/label")
        return self.labels.setdefault(key, made)


class Person:
    """Somebody who uses the API; `subject` None: not signed in."""

    def __init__(self, http: httpx2.AsyncClient, subject: str | None = None, *roles: str) -> None:
        self.subject = subject
        self._http = http
        self._headers = {} if subject is None else claims(subject, roles=roles)

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        """The answer to a request; `if_match` gives the header If-Match."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._http.request(method, path, json=body, headers={**self._headers, **given})

    async def get(self, path: str, status: int = 200, **headers: str) -> Any:
        """The JSON answer to a GET that must have this status."""
        return _answer(await self.ask("GET", path, **headers), status)

    async def put(self, path: str, body: Any, status: int = 200, **headers: str) -> Any:
        """The JSON answer to a PUT that must have this status."""
        return _answer(await self.ask("PUT", path, body, **headers), status)

    async def post(self, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        """The JSON answer to a POST that must have this status."""
        return _answer(await self.ask("POST", path, body, **headers), status)

    async def delete(self, path: str, status: int = 200, **headers: str) -> Any:
        """The JSON answer to a DELETE that must have this status."""
        return _answer(await self.ask("DELETE", path, **headers), status)

    async def checkout_request(self, **changes: Any) -> dict[str, Any]:
        """What the customer sends to order the cart as it is now."""
        cart = await self.get("/api/cart")
        quote = await self.post("/api/shipping-quotes", {"destination": ADDRESS}, 201)
        rate = quote["rates"][0]
        return {
            "cartId": cart["id"],
            "cartVersion": cart["version"],
            "lines": [
                {key: line[key] for key in ("productId", "quantity", "unitPrice")} for line in cart["lines"]
            ],
            "shippingAddress": ADDRESS,
            "shippingQuoteId": quote["id"],
            "shippingRateId": rate["id"],
            "paymentMethod": "pm_card_visa",
            "expectedTotal": {"amount": cart["subtotal"]["amount"] + rate["price"]["amount"]},
            **changes,
        }

    async def order(self, product_id: UUID, quantity: int = 1) -> dict[str, Any]:
        """A new order of so many of a product."""
        await self.put(f"/api/cart/lines/{product_id}", {"quantity": quantity})
        request = await self.checkout_request()
        placed: dict[str, Any] = await self.post("/api/orders", request, 201, idempotency_key=str(uuid4()))
        return placed


class Shop:
    """The service on a database and Redis."""

    def __init__(
        self,
        database: Mapping[str, str],
        redis: RedisSettings,
        credential: Path,
        **settings: Any,
    ) -> None:
        self.carrier = Carrier()
        self._gateway = GatewaySettings(credential_file=credential)
        self.database = Database(database_settings(database), "order test")
        self._redis = RedisConnection(redis)
        self.cache = Cache(self._redis)
        self.settings = OrderSettings(**settings)
        self.use(self.carrier)

    def use(self, provider: ShippingProvider | None) -> None:
        """Put the service together on this shipping company."""
        self.components = Components(self.database, self.cache, provider, self.settings)
        app = create_application(self.components, self._gateway)
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app, raise_app_exceptions=True), base_url="http://order"
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.aclose()
        await self._redis.close()
        await self.database.close()

    def anybody(self) -> Person:
        """Somebody who is not signed in."""
        return Person(self.http)

    def customer(self, subject: str | None = None) -> Person:
        """A customer, of their own or named."""
        return Person(self.http, subject or f"user-{uuid4().hex[:12]}")

    def admin(self) -> Person:
        """Somebody who runs the shop."""
        return Person(self.http, "the-admin", "admin")

    async def product(
        self,
        product_id: UUID | None = None,
        *,
        version: int = 1,
        price: int = 1999,
        available: int = 100,
        active: bool = True,
        name: str = "Lamp",
    ) -> UUID:
        """A product that the product service tells of."""
        product_id = product_id or uuid4()
        await self.hear(
            ProductChanged(
                product_id=product_id,
                sku=f"SKU-{product_id.hex[:8]}",
                name=name,
                price=Money(amount=price),
                available=available,
                active=active,
                picture_url=f"/api/products/{product_id}/picture.svg",
                weight_grams=500,
            ),
            str(product_id),
            version,
        )
        return product_id

    async def removed(self, product_id: UUID, version: int) -> None:
        """The product service tells that the product is gone."""
        data = ProductRemoved(product_id=product_id, sku="SKU")
        await self.hear(data, str(product_id), version)

    async def user(self, subject: str, version: int = 1, *, blocked: bool = False) -> None:
        """The user service tells of a customer."""
        data = UserChanged(subject=subject, email=f"{subject}@shop.test", name="Ada", blocked=blocked)
        await self.hear(data, subject, version)

    async def reserved(self, order: Mapping[str, Any]) -> None:
        """The product service has reserved the order's stock."""
        await self.hear(stock_reserved(order), order["id"], 1)

    async def captured(self, order: Mapping[str, Any], version: int = 3) -> None:
        """The payment service has captured the order's money."""
        await self.hear(payment_captured(order), order["id"], version)

    async def failed(self, order: Mapping[str, Any], version: int = 3) -> None:
        """The payment service was refused."""
        data = PaymentFailed(order_id=order["id"], payment_id=payment_id(order), reason="card_declined")
        await self.hear(data, order["id"], version)

    async def refunded(
        self, order: Mapping[str, Any], amount: int, total: int, refund: str = "re_1", version: int = 4
    ) -> None:
        """The payment service has refunded `amount`, and with it `total`."""
        data = PaymentRefunded(
            order_id=order["id"],
            payment_id=payment_id(order),
            refund_id=refund,
            amount=Money(amount=amount),
            total_refunded=Money(amount=total),
        )
        await self.hear(data, order["id"], version)

    async def hear(self, data: EventData, subject: str, version: int) -> None:
        """Handle an event as the consumer would."""
        event = event_of(data, subject, version)
        handler = self.components.event_handlers()[data.type]
        await self.database.write(lambda session: handler(session, event))

    async def work(self, kind: str, key: str) -> bool:
        """Do a task as the runner would, ready or not; whether it is done with."""
        task = Task(kind, key, {}, 1, datetime.now(UTC))
        try:
            await self.components.task_handlers()[kind](task)
        except Reschedule:
            return False
        await self.rows("DELETE FROM tasks WHERE kind = :kind AND key = :key RETURNING 1", kind=kind, key=key)
        return True

    async def told(self, order: Mapping[str, Any]) -> list[tuple[str, int]]:
        """Type and version of every event that the service has published about the order."""
        rows = await self.rows(
            "SELECT type, aggregateversion FROM outbox WHERE subject = :subject ORDER BY position",
            subject=order["id"],
        )
        return [(row[0], row[1]) for row in rows]

    async def events(self, subject: str, kind: str) -> list[Any]:
        """The data of the events of that type that the service has published about `subject`."""
        rows = await self.rows(
            "SELECT data FROM outbox WHERE subject = :subject AND type = :kind ORDER BY position",
            subject=subject,
            kind=kind,
        )
        return [CATALOGUE[kind].model_validate(row[0]) for row in rows]

    async def rows(self, statement: str, **values: Any) -> Sequence[Any]:
        """The rows of a statement, committed."""
        return await self.database.write(
            lambda session: _fetch(session, statement, values),
        )


async def _fetch(session: Any, statement: str, values: Mapping[str, Any]) -> Sequence[Any]:
    result = await session.execute(text(statement), values)
    return list(result.all()) if result.returns_rows else []


def event_of(data: EventData, subject: str, version: int) -> Event[Any]:
    """An event as it arrives."""
    return Event[type(data)](  # type: ignore[misc]
        id=uuid4(),
        source="test",
        type=data.type,
        subject=subject,
        time=datetime.now(UTC),
        aggregateversion=version,
        data=data,
    )


def payment_id(order: Mapping[str, Any]) -> UUID:
    """The id of the order's payment."""
    return UUID(order["id"][::-1].replace("-", ""))


def stock_reserved(order: Mapping[str, Any]) -> StockReserved:
    """What the product service tells when all lines are put aside."""
    return StockReserved(
        order_id=order["id"],
        lines=[OrderLine.model_validate(line) for line in order["lines"]],
        total=Money.model_validate(order["subtotal"]),
    )


def payment_captured(order: Mapping[str, Any]) -> PaymentCaptured:
    """What the payment service tells when the money is there."""
    return PaymentCaptured(
        order_id=order["id"], payment_id=payment_id(order), amount=Money.model_validate(order["total"])
    )


def _answer(response: httpx2.Response, status: int) -> Any:
    assert response.status_code == status, response.text
    return response.json() if response.content else None
