"""Disputes: a payer's bank takes the money back until it is decided who is right."""

from typing import Any

from storefront_standins.payments import objects
from storefront_standins.payments.errors import GatewayError
from storefront_standins.payments.events import Journal
from storefront_standins.payments.store import Store

Thing = dict[str, Any]


class Disputes:
    """What Stripe's test cards and its dashboard do; merchants cannot open disputes."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal

    def open(self, charge_id: str, reason: str) -> Thing:
        """A new dispute about all that is left of a captured charge.

        Raises:
            GatewayError: nothing is left, or it is disputed already (400).
        """
        charge = self._store.get("charge", charge_id, "charge")
        if not charge["captured"] or charge["disputed"] or charge["refunded"]:
            raise GatewayError(
                400, "invalid_request_error", f"There is nothing to dispute about charge {charge_id}."
            )
        charge["disputed"] = True
        self._store.put(charge)
        dispute = self._store.put(objects.dispute(charge, reason), parent=charge["payment_intent"])
        self._journal.add("charge.dispute.created", dispute)
        return dispute

    def close(self, identifier: str, *, won: bool) -> Thing:
        """The dispute after the bank has decided; `won`: the merchant keeps the money.

        Raises:
            GatewayError: it was decided before (400).
        """
        dispute = self._store.get("dispute", identifier, "dispute")
        if dispute["status"] in ("won", "lost"):
            raise GatewayError(400, "invalid_request_error", f"Dispute {identifier} is already closed.")
        dispute["status"] = "won" if won else "lost"
        self._store.put(dispute)
        self._journal.add("charge.dispute.closed", dispute)
        return dispute
