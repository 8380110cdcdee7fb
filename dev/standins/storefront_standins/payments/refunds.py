"""Refunds: captured money goes back (https://docs.stripe.com/refunds)."""

from typing import Any

from storefront_standins.payments import objects, parameters
from storefront_standins.payments.errors import GatewayError
from storefront_standins.payments.events import Journal
from storefront_standins.payments.store import Store

Thing = dict[str, Any]


class Refunds:
    """The calls below /v1/refunds."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal

    def create(self, given: parameters.RefundCreation) -> Thing:
        """A new refund of what `given` names; without an amount, of all that is left."""
        charge = self._charge(given)
        if charge["disputed"]:
            raise GatewayError(
                400,
                "invalid_request_error",
                f"Charge {charge['id']} has been charged back; cannot issue a refund.",
                code="charge_disputed",
            )
        if charge["refunded"]:
            raise GatewayError(
                400,
                "invalid_request_error",
                f"Charge {charge['id']} has already been refunded.",
                code="charge_already_refunded",
            )
        left = charge["amount_captured"] - charge["amount_refunded"]
        amount = given.amount or left
        if amount > left:
            raise GatewayError(
                400,
                "invalid_request_error",
                f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).",
                param="amount",
            )
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
        self._store.put(charge)
        refund = self._store.put(
            objects.refund(charge, amount, given.reason, given.metadata), parent=charge["payment_intent"]
        )
        self._journal.add("refund.created", refund)
        self._journal.add("charge.refunded", charge)
        return refund

    def retrieve(self, identifier: str) -> Thing:
        """The refund of that id, or a 404."""
        return self._store.get("refund", identifier, "refund")

    def fail(self, identifier: str) -> Thing:
        """The refund after the payer's bank sent the money back, days after it had succeeded.

        Raises:
            GatewayError: it has failed before (400).
        """
        refund = self.retrieve(identifier)
        if refund["status"] != "succeeded":
            raise GatewayError(400, "invalid_request_error", f"Refund {identifier} is {refund['status']}.")
        refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
        self._store.put(refund)
        charge = self._store.get("charge", refund["charge"])
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False
        self._store.put(charge)
        self._journal.add("refund.failed", refund)
        return refund

    def _charge(self, given: parameters.RefundCreation) -> Thing:
        if (given.charge is None) == (given.payment_intent is None):
            raise GatewayError(
                400,
                "invalid_request_error",
                "One of the following params should be provided for this request: payment_intent or charge.",
                code="parameter_missing",
            )
        identifier = given.charge
        if given.payment_intent is not None:
            intent = self._store.get("payment_intent", given.payment_intent, "payment_intent")
            identifier = intent["latest_charge"]
            if identifier is None or intent["status"] != "succeeded":
                raise GatewayError(
                    400,
                    "invalid_request_error",
                    f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
                    code="payment_intent_unexpected_state",
                    payment_intent=intent,
                )
        charge = self._store.get("charge", str(identifier), "charge")
        if not charge["captured"]:
            raise GatewayError(
                400, "invalid_request_error", f"Charge {charge['id']} has not been captured.", param="charge"
            )
        return charge
