"""The faults of the payment sandbox."""

from pydantic import Field

from storefront_standins.faults import LONGEST_SILENCE, Faults


class PaymentFaults(Faults):
    """What can go wrong with requests, as everywhere, and with webhooks."""

    webhook_delay_seconds: float = Field(default=0.0, ge=0, le=LONGEST_SILENCE)
    """How long after the event every webhook is sent."""
    webhook_duplicate_rate: float = Field(default=0.0, ge=0, le=1)
    """Webhooks that are delivered twice, although the first was accepted."""
    webhook_reorder_rate: float = Field(default=0.0, ge=0, le=1)
    """Webhooks that are late by a random time, so that others overtake them."""
    webhooks_held: bool = False
    """No webhook leaves until this is off again, but those that /test/webhooks/deliver names."""
