"""Telling what happens: every change makes an event, which a webhook brings to the merchant."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from storefront_standins.faults import FaultSwitch
from storefront_standins.payments import objects
from storefront_standins.payments.faults import PaymentFaults
from storefront_standins.payments.store import Store

REORDERED_WITHIN = 3.0
"""Seconds by which a webhook that suffers reordering is late, at most."""


@dataclass
class Journal:
    """Makes events; `request_id` and `idempotency_key` are those of the call that is being answered."""

    store: Store
    faults: FaultSwitch[PaymentFaults]
    announce: Callable[[], None] | None = None
    """Called after an event was added; None: nobody is to be told, so nothing is delivered."""
    request_id: str | None = field(default=None, init=False)
    idempotency_key: str | None = field(default=None, init=False)

    def add(self, kind: str, thing: dict[str, Any]) -> None:
        """That `kind` happened to `thing`."""
        event = objects.event(kind, thing, self.request_id, self.idempotency_key)
        self.store.put(event, parent=thing.get("payment_intent") or thing["id"])
        if self.announce is None:
            return
        due = time.time() + self.faults.current.webhook_delay_seconds
        if self.faults.strikes("webhook_reorder_rate"):
            due += random.uniform(0, REORDERED_WITHIN)
        self.store.schedule(event["id"], due)
        self.announce()
