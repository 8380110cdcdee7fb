"""Stripe's test payment methods and what becomes of them (https://docs.stripe.com/testing)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Decline:
    """Why a card is refused."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True)
class Card:
    """A test card. Its `disputed` charge is disputed as soon as it is captured."""

    brand: str
    last4: str
    decline: Decline | None = None
    authentication: bool = False
    disputed: bool = False


_DECLINED = "Your card was declined."


def _declined(decline_code: str, last4: str) -> Card:
    return Card("visa", last4, Decline("card_declined", decline_code, _DECLINED))


INSUFFICIENT_FUNDS = Card(
    "visa", "9995", Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
)

CARDS = {
    "pm_card_visa": Card("visa", "4242"),
    "pm_card_visa_debit": Card("visa", "5556"),
    "pm_card_mastercard": Card("mastercard", "4444"),
    "pm_card_amex": Card("amex", "8431"),
    "pm_card_chargeDeclined": _declined("generic_decline", "0002"),
    "pm_card_visa_chargeDeclined": _declined("generic_decline", "0002"),
    "pm_card_chargeDeclinedInsufficientFunds": INSUFFICIENT_FUNDS,
    "pm_card_visa_chargeDeclinedInsufficientFunds": INSUFFICIENT_FUNDS,
    "pm_card_visa_chargeDeclinedLostCard": _declined("lost_card", "9987"),
    "pm_card_visa_chargeDeclinedStolenCard": _declined("stolen_card", "9979"),
    "pm_card_chargeDeclinedFraudulent": _declined("fraudulent", "0019"),
    "pm_card_chargeDeclinedExpiredCard": Card(
        "visa", "0069", Decline("expired_card", None, "Your card has expired.")
    ),
    "pm_card_chargeDeclinedIncorrectCvc": Card(
        "visa", "0127", Decline("incorrect_cvc", None, "Your card's security code is incorrect.")
    ),
    "pm_card_chargeDeclinedProcessingError": Card(
        "visa",
        "0119",
        Decline(
            "processing_error",
            None,
            "An error occurred while processing your card. Try again in a little bit.",
        ),
    ),
    "pm_card_threeDSecure2Required": Card("visa", "3220", authentication=True),
    "pm_card_threeDSecureRequired": Card("visa", "3063", authentication=True),
    "pm_card_authenticationRequired": Card("visa", "3184", authentication=True),
    "pm_card_threeDSecureRequiredChargeDeclined": Card(
        "visa", "8759", Decline("card_declined", "generic_decline", _DECLINED), authentication=True
    ),
    "pm_card_createDispute": Card("visa", "0259", disputed=True),
}

AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    None,
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)
