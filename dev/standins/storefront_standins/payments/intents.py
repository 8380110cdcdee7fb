"""Payment intents and what can be done with them (https://docs.stripe.com/payments/paymentintents/lifecycle)."""

import time
from typing import Any

from storefront_standins.payments import objects, parameters
from storefront_standins.payments.cards import AUTHENTICATION_FAILED, CARDS, Card, Decline
from storefront_standins.payments.disputes import Disputes
from storefront_standins.payments.errors import GatewayError, no_such, unexpected_state
from storefront_standins.payments.events import Journal
from storefront_standins.payments.store import Store

Thing = dict[str, Any]

_CANCELLABLE = frozenset(
    {"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"}
)
_CONFIRMABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})


class Intents:
    """The calls below /v1/payment_intents and what the payer does."""

    def __init__(self, store: Store, journal: Journal, disputes: Disputes, public_url: str) -> None:
        """`public_url`: where the payer's browser finds the pages of the sandbox."""
        self._store = store
        self._journal = journal
        self._disputes = disputes
        self._public_url = public_url.rstrip("/")

    def create(self, given: parameters.IntentCreation) -> Thing:
        """A new intent, confirmed at once if so asked."""
        if given.amount < parameters.LEAST_AMOUNT:
            raise GatewayError(
                400,
                "invalid_request_error",
                "Amount must convert to at least 50 cents.",
                code="amount_too_small",
                param="amount",
            )
        if given.payment_method is not None:
            _card(given.payment_method)
        if given.confirm and given.payment_method is None:
            raise GatewayError(
                400,
                "invalid_request_error",
                "You cannot confirm this PaymentIntent because it's missing a payment method.",
                code="parameter_missing",
                param="payment_method",
            )
        automatic = given.automatic_payment_methods
        intent = objects.payment_intent(
            amount=given.amount,
            currency=given.currency,
            capture_method=given.capture_method,
            description=given.description,
            metadata=given.metadata,
            payment_method_types=given.payment_method_types,
            automatic_payment_methods=automatic.model_dump() if automatic else None,
            receipt_email=given.receipt_email,
            statement_descriptor_suffix=given.statement_descriptor_suffix,
        )
        if given.payment_method is not None:
            intent |= {"payment_method": given.payment_method, "status": "requires_confirmation"}
        self._store.put(intent)
        self._journal.add("payment_intent.created", intent)
        return self._attempt(intent, given.return_url) if given.confirm else intent

    def confirm(self, identifier: str, given: parameters.IntentConfirmation) -> Thing:
        """The intent after an attempt to pay."""
        intent = self.retrieve(identifier)
        if intent["status"] not in _CONFIRMABLE:
            raise unexpected_state(intent, "confirm")
        if given.payment_method is not None:
            _card(given.payment_method)
            intent["payment_method"] = given.payment_method
        if intent["payment_method"] is None:
            raise unexpected_state(intent, "confirm")
        if given.receipt_email is not None:
            intent["receipt_email"] = given.receipt_email
        return self._attempt(intent, given.return_url)

    def capture(self, identifier: str, given: parameters.IntentCapture) -> Thing:
        """The intent after the authorised money, or part of it, was taken; the rest is let go."""
        intent = self.retrieve(identifier)
        if intent["status"] != "requires_capture":
            raise unexpected_state(intent, "capture")
        amount = given.amount_to_capture or intent["amount_capturable"]
        if amount > intent["amount_capturable"]:
            raise GatewayError(
                400,
                "invalid_request_error",
                "The amount to capture is greater than the authorized amount.",
                code="amount_too_large",
                param="amount_to_capture",
            )
        return self._captured(intent, self._store.get("charge", intent["latest_charge"]), amount)

    def cancel(self, identifier: str, given: parameters.IntentCancellation) -> Thing:
        """The intent after it was given up; authorised money is let go."""
        intent = self.retrieve(identifier)
        if intent["status"] not in _CANCELLABLE:
            raise unexpected_state(intent, "cancel")
        if intent["status"] == "requires_capture":
            charge = self._store.get("charge", intent["latest_charge"])
            charge |= {"refunded": True, "amount_refunded": charge["amount"]}
            self._store.put(charge)
        intent |= {
            "status": "canceled",
            "amount_capturable": 0,
            "canceled_at": int(time.time()),
            "cancellation_reason": given.cancellation_reason,
            "next_action": None,
        }
        self._store.put(intent)
        self._journal.add("payment_intent.canceled", intent)
        return intent

    def retrieve(self, identifier: str) -> Thing:
        """The intent of that id, or a 404."""
        return self._store.get("payment_intent", identifier, "intent")

    def authenticate(self, identifier: str, client_secret: str, *, succeeded: bool) -> Thing:
        """The intent after its payer did, or failed, 3-D Secure."""
        intent = self.retrieve(identifier)
        if intent["client_secret"] != client_secret:
            raise no_such("payment_intent", identifier, "intent")
        if intent["status"] != "requires_action":
            return intent
        if not succeeded:
            self._declined(intent, _card(intent["payment_method"]), AUTHENTICATION_FAILED)
            return intent
        try:
            return self._charge(intent)
        except GatewayError:
            return self.retrieve(identifier)

    def _attempt(self, intent: Thing, return_url: str | None) -> Thing:
        if not _card(intent["payment_method"]).authentication:
            return self._charge(intent)
        page = f"{self._public_url}/authenticate/{intent['id']}?client_secret={intent['client_secret']}"
        # Without an address to come back to, it is the merchant's page that shows the challenge.
        action = (
            {"type": "redirect_to_url", "redirect_to_url": {"url": page, "return_url": return_url}}
            if return_url
            else {
                "type": "use_stripe_sdk",
                "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": page},
            }
        )
        intent |= {"status": "requires_action", "next_action": action}
        self._store.put(intent)
        self._journal.add("payment_intent.requires_action", intent)
        return intent

    def _charge(self, intent: Thing) -> Thing:
        card = _card(intent["payment_method"])
        if card.decline is not None:
            raise self._declined(intent, card, card.decline)
        charge = self._store.put(objects.charge(intent, card, None), parent=intent["id"])
        intent |= {"latest_charge": charge["id"], "next_action": None, "last_payment_error": None}
        if intent["capture_method"] != "manual":
            return self._captured(intent, charge, intent["amount"])
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        self._store.put(intent)
        self._journal.add("payment_intent.amount_capturable_updated", intent)
        return intent

    def _captured(self, intent: Thing, charge: Thing, amount: int) -> Thing:
        charge |= {
            "captured": True,
            "amount_captured": amount,
            "balance_transaction": objects.new_id("txn"),
        }
        self._store.put(charge)
        intent |= {"status": "succeeded", "amount_capturable": 0, "amount_received": amount}
        self._store.put(intent)
        self._journal.add("payment_intent.succeeded", intent)
        if _card(intent["payment_method"]).disputed:
            self._disputes.open(charge["id"], "fraudulent")
        return intent

    def _declined(self, intent: Thing, card: Card, decline: Decline) -> GatewayError:
        charge = self._store.put(objects.charge(intent, card, decline), parent=intent["id"])
        error = GatewayError(
            402,
            "card_error",
            decline.message,
            code=decline.code,
            decline_code=decline.decline_code,
            charge=charge["id"],
            payment_method=_payment_method(intent["payment_method"], card),
        )
        last_error = dict(error.body["error"])
        intent |= {
            "status": "requires_payment_method",
            "latest_charge": charge["id"],
            "payment_method": None,
            "next_action": None,
            "last_payment_error": last_error,
        }
        self._store.put(intent)
        self._journal.add("payment_intent.payment_failed", intent)
        error.body["error"]["payment_intent"] = intent
        return error


def _card(payment_method: str) -> Card:
    card = CARDS.get(payment_method)
    if card is None:
        raise GatewayError(
            400,
            "invalid_request_error",
            f"No such PaymentMethod: '{payment_method}'",
            code="resource_missing",
            param="payment_method",
        )
    return card


def _payment_method(identifier: str, card: Card) -> Thing:
    return {
        "id": identifier,
        "object": "payment_method",
        "card": {"brand": card.brand, "last4": card.last4, "exp_month": 12, "exp_year": 2040},
        "type": "card",
    }
