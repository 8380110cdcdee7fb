"""What the notification service takes from its environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from notification_service.settings import MailSettings, ShopSettings, SmtpSettings, sender
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("shop@example.com", "", "shop@example.com"),
        ("Shop <shop@example.com>", "Shop", "shop@example.com"),
        ('"Müller & Co." <shop@example.com>', "Müller & Co.", "shop@example.com"),
        (" <shop@example.com> ", "", "shop@example.com"),
    ],
)
def test_a_sender_is_an_address_with_or_without_a_name(text: str, name: str, address: str) -> None:
    found = sender(MailSettings(sender=text).sender)
    assert (found.display_name, found.addr_spec) == (name, address)


@pytest.mark.parametrize(
    "text", ["", "shop", "Shop shop@example.com", "<shop@example.com> x", "a <b@c> <d@e>"]
)
def test_what_is_no_sender_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValidationError):
        MailSettings(sender=text)


@pytest.mark.parametrize("name", ["", " ", "\n", "\u202e"])
def test_a_shop_has_a_name_that_can_be_seen(name: str) -> None:
    with pytest.raises(ValidationError):
        ShopSettings(name=name, url="https://shop.example.com")


@pytest.mark.parametrize("given", [{"user": "shop"}, {"password_file": "/x"}])
def test_a_login_is_complete(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="go together"):
        SmtpSettings(host="mail.example.com", **given)


def test_the_password_is_read_when_it_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "password"
    settings = SmtpSettings(host="mail.example.com", user="shop", password_file=file)
    for password in ("one", "two"):
        file.write_text(password + "\n")
        assert settings.login() == ("shop", password)
