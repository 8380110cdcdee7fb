"""The shop around the payment service, as a test needs it: it orders, cancels, pays, and sees what happens."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import aiohttp
import psycopg
from storefront_common.events import (
    Address,
    CancellationReason,
    Customer,
    Event,
    EventData,
    Money,
    OrderCancelled,
    OrderLine,
    PaymentRequested,
    encode,
)

from tests.services.service_process import eventually
from tests.services.standin_process import StandInProcess

CREDENTIAL = "gateway-credential-of-the-tests"
ADMIN = {"sub": "admin-1", "email": "admin@shop.example", "roles": ["admin"]}


def claims(subject: str, *roles: str) -> dict[str, str]:
    """Headers that the API gateway adds for a person."""
    payload = {"sub": subject, "email": f"{subject}@example.com", "roles": list(roles)}
    encoded = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    return {"x-storefront-claims": encoded, "x-storefront-gateway": CREDENTIAL}


ADMIN_HEADERS = claims("admin-1", "admin")


@dataclass
class Shop:
    """One test's view of the shop. `told` holds every event that the payment service has published."""

    api: aiohttp.ClientSession
    sandbox: StandInProcess
    exchange: aio_pika.abc.AbstractExchange
    database: psycopg.Connection[tuple[Any, ...]]
    told: list[dict[str, Any]] = field(default_factory=list)

    async def publish(
        self, data: EventData, subject: str, version: int = 1, *, event_id: UUID | None = None
    ) -> None:
        """Tell the services something."""
        event = Event(
            id=event_id or uuid4(),
            source="test",
            type=data.type,
            subject=subject,
            time=datetime.now(UTC),
            aggregateversion=version,
            data=data,
        )
        message = aio_pika.Message(
            encode(event), message_id=str(event.id), content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )  # fmt: skip
        await self.exchange.publish(message, routing_key=data.type, timeout=10)

    async def ask_for_payment(
        self,
        method: str = "pm_card_visa",
        amount: int = 4_990,
        *,
        order_id: UUID | None = None,
        subject: str = "customer-1",
        expires_in: float = 1800.0,
    ) -> UUID:
        """The id of the order that is to be paid."""
        order_id = order_id or uuid4()
        asked = PaymentRequested(
            order_id=order_id,
            customer=Customer(subject=subject, email="ada@example.com", name="Ada"),
            amount=Money(amount=amount),
            payment_method=method,
            expires_at=datetime.now(UTC) + timedelta(seconds=expires_in),
        )
        await self.publish(asked, str(order_id))
        return order_id

    async def cancel(self, order_id: UUID, amount: int = 4_990) -> None:
        """Cancel the order."""
        line = OrderLine(
            product_id=uuid4(), sku="CT-1001", name="Mug", quantity=1, unit_price=Money(amount=amount)
        )
        cancelled = OrderCancelled(
            order_id=order_id,
            number="S-2K7Q9M",
            customer=Customer(subject="customer-1", email="ada@example.com", name="Ada"),
            lines=[line],
            subtotal=Money(amount=amount),
            shipping=Money(amount=0),
            total=Money(amount=amount),
            shipping_address=Address(
                name="Ada", line1="Main St 1", postal_code="10115", city="Berlin", country="DE"
            ),
            placed_at=datetime.now(UTC),
            reason=CancellationReason.BY_CUSTOMER,
        )
        await self.publish(cancelled, str(order_id), version=5)

    def heard(self, order_id: UUID, kind: str | None = None) -> list[dict[str, Any]]:
        """What the payment service has told about an order so far, of one type if given."""
        return [
            event
            for event in self.told
            if event["subject"] == str(order_id) and kind in (None, event["type"])
        ]

    async def hear(self, order_id: UUID, kind: str, within: float = 20.0) -> dict[str, Any]:
        """The data of the first event of that type about an order."""

        async def heard() -> list[dict[str, Any]]:
            return self.heard(order_id, kind)

        found = await eventually(heard, within=within, describe=lambda: f"{kind}: {self.heard(order_id)}")
        data: dict[str, Any] = found[0]["data"]
        return data

    async def answer(self, request_id: UUID) -> dict[str, Any]:
        """The data of the event that answers a request about a person."""

        async def answered() -> list[dict[str, Any]]:
            return [event for event in self.told if event["data"].get("requestId") == str(request_id)]

        found: list[dict[str, Any]] = await eventually(answered)
        data: dict[str, Any] = found[0]["data"]
        return data

    async def payment(self, order_id: UUID) -> dict[str, Any]:
        """The payment of an order, as an administrator sees it."""
        found = await eventually(lambda: self._payments(order_id), describe=lambda: f"payment of {order_id}")
        async with self.api.get(f"/api/payments/{found[0]['id']}", headers=ADMIN_HEADERS) as response:
            assert response.status == 200
            payment: dict[str, Any] = await response.json()
            return payment

    async def payment_in(self, order_id: UUID, *states: str, within: float = 20.0) -> dict[str, Any]:
        """The payment of an order, once it is in one of the states."""
        seen: dict[str, Any] = {}

        async def reached() -> dict[str, Any] | None:
            seen.update(await self.payment(order_id))
            return dict(seen) if seen["state"] in states else None

        payment: dict[str, Any] = await eventually(reached, within=within, describe=lambda: str(seen))
        return payment

    async def refund(self, payment_id: str, amount: int, key: str) -> tuple[int, dict[str, Any]]:
        """The answer to an administrator's wish to give money back."""
        async with self.api.post(
            f"/api/payments/{payment_id}/refunds",
            json={"amount": {"amount": amount}},
            headers={**ADMIN_HEADERS, "Idempotency-Key": key},
        ) as response:
            return response.status, await response.json()

    async def ledger(self, order_id: UUID) -> list[tuple[str, int]]:
        """(kind, amount) of the ledger's entries about an order, in the order in which they were written."""
        url = f"/api/payments/ledger?orderId={order_id}&limit=100"
        async with self.api.get(url, headers=ADMIN_HEADERS) as response:
            assert response.status == 200
            page = await response.json()
        return [(entry["kind"], entry["amount"]["amount"]) for entry in reversed(page["items"])]

    async def intents(self, order_id: UUID) -> list[dict[str, Any]]:
        """What the sandbox has for an order."""
        params = {"query": f"metadata['orderId']:'{order_id}'", "limit": "100"}
        found: list[dict[str, Any]] = (
            await self.at_sandbox("GET", "/v1/payment_intents/search", params=params)
        )["data"]
        return found

    async def at_sandbox(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """A call of the sandbox that must succeed; use it while no faults are on."""
        url = self.sandbox.url + path
        headers = {"Authorization": "Bearer sk_test_of_the_tests"}
        async with self.api.request(method, url, headers=headers, **request) as response:
            answer: dict[str, Any] = await response.json()
            assert response.status < 300, answer
            return answer

    async def events_at_sandbox(self, intent_id: str) -> list[dict[str, Any]]:
        """The sandbox's events about an intent, the oldest first."""
        events = (await self.at_sandbox("GET", "/v1/events", params={"limit": "100"}))["data"]
        return [
            event
            for event in reversed(events)
            if intent_id in (event["data"]["object"]["id"], event["data"]["object"].get("payment_intent"))
        ]

    async def quiet(self) -> None:
        """Return when nothing is left to be done: no task is due, no event unsent, no webhook unprocessed."""

        async def done() -> bool:
            row = self.database.execute(
                "SELECT (SELECT count(*) FROM tasks WHERE run_at < now() + interval '5 seconds')"
                " + (SELECT count(*) FROM outbox WHERE sent_at IS NULL)"
                " + (SELECT count(*) FROM webhook_events WHERE processed_at IS NULL)"
            ).fetchone()
            deliveries = await self.at_sandbox("GET", "/test/webhooks")
            waiting = sum(number for outcome, number in deliveries.items() if outcome not in ("delivered",))
            return row == (0,) and waiting == 0

        await eventually(done, within=30.0, describe=lambda: "not quiet")

    async def _payments(self, order_id: UUID) -> list[dict[str, Any]]:
        async with self.api.get(f"/api/payments?orderId={order_id}", headers=ADMIN_HEADERS) as response:
            assert response.status == 200
            page: Mapping[str, Any] = await response.json()
            return list(page["items"])


async def listen(channel: aio_pika.abc.AbstractChannel, told: list[dict[str, Any]]) -> None:
    """Have all events of the payment service put into `told`."""
    queue = await channel.declare_queue(exclusive=True, auto_delete=True)
    for key in ("payment.*", "user.*"):
        await queue.bind("events", routing_key=key)

    async def note(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        event = json.loads(message.body)
        if event["source"] == "payment":
            told.append(event)
        await asyncio.sleep(0)

    await queue.consume(note, no_ack=True)
