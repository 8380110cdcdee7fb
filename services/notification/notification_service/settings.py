"""What the notification service is told by its environment, besides what all services are told."""

import re
from email.headerregistry import Address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AnyHttpUrl, BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from storefront_common.settings import PeerPort, Seconds, read_secret

from notification_service.mail.addresses import NotAnAddressError, one_line, parse

_WITH_NAME = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]+)>")


def _is_sender(text: str) -> str:
    try:
        sender(text)
    except NotAnAddressError as error:
        raise ValueError(f"{error}; expected shop@example.com or Shop <shop@example.com>") from error
    return text


def sender(text: str) -> Address:
    """The address in `shop@example.com` or `Shop <shop@example.com>`.

    Raises:
        NotAnAddressError: there is none.
    """
    named = _WITH_NAME.fullmatch(text.strip())
    if named is None:
        return parse(text.strip())
    return parse(named["address"].strip(), named["name"].strip().strip('"'))


class ShopSettings(BaseSettings):
    """The shop in whose name letters are written."""

    model_config = SettingsConfigDict(env_prefix="SHOP_", frozen=True)

    name: Annotated[str, BeforeValidator(one_line)] = Field(
        default="Storefront", min_length=1, max_length=100
    )
    url: AnyHttpUrl
    """Where customers find the shop; links in mails begin with it."""


class MailSettings(BaseSettings):
    """Who mails come from."""

    model_config = SettingsConfigDict(env_prefix="MAIL_", frozen=True, populate_by_name=True)

    sender: Annotated[str, AfterValidator(_is_sender)] = Field(alias="MAIL_FROM")
    """`shop@example.com` or `Shop <shop@example.com>`; without a name it is the shop's."""


class SmtpSettings(BaseSettings):
    """The mail server that takes mails, and how patiently it is asked."""

    model_config = SettingsConfigDict(env_prefix="SMTP_", frozen=True)

    host: str | None = None
    """Unset: there is none, and events wait in the queue until there is."""
    port: PeerPort = 587
    security: Literal["none", "starttls", "tls"] = "starttls"
    """`starttls`: the server must offer it; `tls`: from the first byte (RFC 8314)."""
    user: str | None = None
    password_file: Path | None = None
    """File with the password; white space around it is ignored."""
    connect_timeout: Seconds = 3.0
    """Seconds for one attempt to connect."""
    command_timeout: Seconds = 10.0
    """Seconds for the answer to one command."""
    total_timeout: Seconds = 20.0
    """Seconds for one mail with all attempts and pauses."""
    attempts: int = Field(default=2, ge=1, le=5)
    """Attempts for one mail before its event goes back to the broker, which tries again later."""

    @model_validator(mode="after")
    def _login_is_complete(self) -> Self:
        if (self.user is None) != (self.password_file is None):
            raise ValueError("SMTP_USER and SMTP_PASSWORD_FILE go together: set both or none")
        return self

    def login(self) -> tuple[str, str] | None:
        """User and current password; None when the server needs no login.

        Raises:
            SecretUnreadableError: the file cannot be read or is empty.
        """
        if self.user is None or self.password_file is None:
            return None
        return self.user, read_secret("SMTP_PASSWORD_FILE", self.password_file)
