"""Configuration that only the payment service has."""

from pathlib import Path

from pydantic import AnyHttpUrl
from pydantic_settings import BaseSettings, SettingsConfigDict
from storefront_common.settings import ExternalSettings, read_secret


class GatewayApiSettings(ExternalSettings):
    """Where the payment gateway is and how both sides prove who they are.

    Not to be confused with the API gateway, whose settings are `storefront_common.settings.GatewaySettings`.
    """

    model_config = SettingsConfigDict(env_prefix="PAYMENT_GATEWAY_", frozen=True)

    key_file: Path | None = None
    """File with the secret key for the gateway's API; white space around it is ignored."""
    webhook_secret_file: Path | None = None
    """File with the secrets that sign webhooks, separated by white space: while one is exchanged, both are valid."""

    def key(self) -> str:
        """The current key.

        Raises:
            SecretUnreadableError: the file cannot be read or is empty, or is not set.
        """
        return read_secret("PAYMENT_GATEWAY_KEY_FILE", self.key_file or Path("(not set)"))

    def webhook_secrets(self) -> tuple[str, ...]:
        """The secrets that are valid now, at least one.

        Raises:
            SecretUnreadableError: the file cannot be read or is empty, or is not set.
        """
        file = self.webhook_secret_file or Path("(not set)")
        return tuple(read_secret("PAYMENT_GATEWAY_WEBHOOK_SECRET_FILE", file).split())


class ShopSettings(BaseSettings):
    """What customers see of the shop."""

    model_config = SettingsConfigDict(env_prefix="SHOP_", frozen=True)

    url: AnyHttpUrl | None = None
    """Where the customer's browser finds the shop: it comes back there after 3-D Secure."""
