"""The order service's own settings."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from storefront_common.settings import ExternalSettings, read_secret


def _seconds(given: Any) -> Any:
    """A plain number means seconds, also as text."""
    try:
        return float(given)
    except (TypeError, ValueError):
        return given


Duration = Annotated[timedelta, BeforeValidator(_seconds), Field(gt=timedelta(0), le=timedelta(days=3650))]
"""Seconds, or ISO 8601 such as `PT30M`."""


class ShippingSettings(ExternalSettings):
    """Where the shipping API is."""

    model_config = SettingsConfigDict(env_prefix="SHIPPING_", frozen=True)

    key_file: Path | None = None
    """File with the API's key; white space around it is ignored. Unset: no key is sent."""

    def key(self) -> str | None:
        """The current key.

        Raises:
            SecretUnreadableError: the file cannot be read or is empty.
        """
        return None if self.key_file is None else read_secret("SHIPPING_KEY_FILE", self.key_file)


class OrderSettings(BaseSettings):
    """Time limits, and the fallback of shipping."""

    model_config = SettingsConfigDict(env_prefix="ORDER_", frozen=True)

    flat_shipping_amount: Annotated[int, Field(ge=0, le=100_000_00)] = 590
    """What shipping costs, in minor units, while the shipping API is away."""
    flat_shipping_service: Annotated[str, Field(min_length=1, max_length=60)] = "standard"
    """The shipping API's service for which the label of such an order is bought."""
    quote_valid: Duration = timedelta(minutes=30)
    """How long a shipping quote stands."""
    payment_limit: Duration = timedelta(hours=1)
    """After the stock was reserved: nothing is charged later than this."""
    tell_again_after: Duration = timedelta(minutes=2)
    """An order that waits longer for another service's answer tells its last event again."""
    expire_after: Duration = timedelta(hours=2)
    """An order that is not paid this long after it was placed is cancelled. Longer than `payment_limit`."""
    sweep_every: Duration = timedelta(seconds=30)
    """How often stuck orders are looked for."""
    abandon_carts_after: Duration = timedelta(days=30)
    """A cart without owner that is not changed this long is removed."""
