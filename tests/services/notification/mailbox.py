"""What the mail stand-in received."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx2
from notification_service import samples
from storefront_common.events import Customer, Event, OrderPlaced, OrderSummary

from tests.services.service_process import eventually
from tests.services.standin_process import StandInProcess


def placed(**changes: Any) -> Event[OrderSummary]:
    """The event of a new order; `changes` are fields that are not as in the sample."""
    data = OrderPlaced(**{**samples.summary(), "order_id": uuid4(), **changes})
    return samples.event(data, 1).model_copy(update={"id": uuid4()})


def written_to(email: str) -> Event[OrderSummary]:
    """The event of a new order of somebody with that address."""
    return placed(customer=Customer(subject="x", email=email, name="Zoë Müller"))


def message_id(event: Event[OrderSummary]) -> str:
    """The Message-ID that the mail about `event` must have."""
    return f"<{event.type}.{event.data.order_id}.{event.aggregateversion}@example.com>"


class Mailbox:
    """Reads the stand-in's mails."""

    def __init__(self, standin: StandInProcess) -> None:
        self._client = httpx2.Client(base_url=standin.url, timeout=10, trust_env=False)

    def close(self) -> None:
        """Close the connection to the stand-in."""
        self._client.close()

    def clear(self) -> None:
        """Forget every mail."""
        self._client.delete("/api/messages").raise_for_status()

    def received(self, event: Event[OrderSummary] | None = None) -> list[dict[str, Any]]:
        """The mails about `event`, or all; the newest first."""
        wanted = {} if event is None else {"messageId": message_id(event)}
        items: list[dict[str, Any]] = (
            self._client.get("/api/messages", params=wanted).raise_for_status().json()["items"]
        )
        return items

    def source(self, mail: dict[str, Any]) -> str:
        """The mail as it came over the wire."""
        source: str = self._client.get(f"/api/messages/{mail['id']}").raise_for_status().json()["source"]
        return source

    async def holds(self, *events: Event[OrderSummary], within: float = 20.0) -> None:
        """Return when there is a mail about each of `events`."""
        wanted = {message_id(event) for event in events}

        async def all_there() -> bool:
            return wanted <= {mail["messageId"] for mail in self.received()}

        await eventually(all_there, within=within, describe=lambda: f"{len(self.received())} mails")

    async def has_repetitions(self, event: Event[OrderSummary], times: int) -> None:
        """Return when the mail about `event` is there so many times."""

        async def often_enough() -> bool:
            return len(self.received(event)) >= times

        await eventually(often_enough)
