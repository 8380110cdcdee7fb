"""Delivers webhooks: signed, again and again until they are accepted."""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path

import httpx2

from storefront_standins.faults import FaultSwitch
from storefront_standins.payments.faults import PaymentFaults
from storefront_standins.payments.signatures import sign
from storefront_standins.payments.store import Delivery, Store

ATTEMPTS = 16
_AT_ONCE = 8
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 600.0
_ANSWER_WITHIN = 10.0
_HELD_PAUSE = 0.05


class Webhooks:
    """Sends what is due to one endpoint, as Stripe does: at least once and in no certain order."""

    def __init__(self, store: Store, faults: FaultSwitch[PaymentFaults], url: str, secret_file: Path) -> None:
        """`secret_file`: holds one or several secrets, separated by white space; it is read each time."""
        self._store = store
        self._faults = faults
        self._url = url
        self._secret_file = secret_file
        self._wake = asyncio.Event()
        self._client = httpx2.AsyncClient(timeout=_ANSWER_WITHIN)

    def announce(self) -> None:
        """There is something new to deliver."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            while True:
                self._wake.clear()
                due = [] if self._faults.current.webhooks_held else self._store.due(_AT_ONCE)
                if due:
                    await asyncio.gather(*map(self._deliver, due))
                else:
                    await self._until_something_is_due()
        finally:
            await self._client.aclose()

    async def deliver_now(self, event: str) -> int:
        """The status with which the endpoint answers one more delivery of that event.

        Raises:
            httpx2.HTTPError: it does not answer.
        """
        status = await self._post(event)
        accepted = 200 <= status < 300
        self._store.note_delivery(
            event, due=None, answered=int(accepted), outcome="delivered" if accepted else f"status {status}"
        )
        return status

    async def _deliver(self, delivery: Delivery) -> None:
        copies = 2 if self._faults.strikes("webhook_duplicate_rate") else 1
        results = await asyncio.gather(
            *(self._post(delivery.event) for _ in range(copies)), return_exceptions=True
        )
        accepted = sum(isinstance(result, int) and 200 <= result < 300 for result in results)
        if accepted:
            self._store.note_delivery(delivery.event, due=None, answered=accepted, outcome="delivered")
            return
        reason = f"status {results[0]}" if isinstance(results[0], int) else type(results[0]).__name__
        if delivery.attempts + 1 >= ATTEMPTS:
            self._store.note_delivery(delivery.event, due=None, answered=0, outcome=f"given up: {reason}")
            return
        pause = min(_FIRST_PAUSE * 2**delivery.attempts, _LONGEST_PAUSE)
        self._store.note_delivery(
            delivery.event, due=time.time() + pause, answered=0, outcome=f"to be repeated: {reason}"
        )

    async def _post(self, event: str) -> int:
        body = json.dumps(self._store.get("event", event), indent=2).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": sign(body, self._secrets()),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        return (await self._client.post(self._url, content=body, headers=headers)).status_code

    def _secrets(self) -> Sequence[str]:
        return self._secret_file.read_text(encoding="utf-8").split()

    async def _until_something_is_due(self) -> None:
        due = self._store.next_due()
        if self._faults.current.webhooks_held:
            pause: float | None = _HELD_PAUSE
        else:
            pause = None if due is None else max(0.0, due - time.time())
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            return
