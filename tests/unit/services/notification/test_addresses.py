"""Addresses and names in headers: whatever people call themselves, it stays a name."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from notification_service import samples
from notification_service.mail.addresses import NotAnAddressError, one_line, parse
from notification_service.mail.message import Mail
from storefront_common.events import Customer, OrderPlaced

from tests.unit.services.notification.test_mails import notifications

HEADERS = [
    "Date", "From", "To", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
]  # fmt: skip

nasty = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    [
        "a\r\nBcc: b@example.com",
        "a\nSubject: x",
        "a\x0bb",
        "a\u2028Bcc: x",
        "a\u0085Bcc: x",
        '"<x@y>',
        "=?utf-8?q?=0A?=",
    ]
)


@settings(deadline=None, max_examples=300)
@example(name="=?utf-8?q?=0ABcc:_b=40example.com?=", number="=?utf-8?b?CkJjYzogYkBleGFtcGxlLmNvbQ==?=")
@given(name=nasty, number=nasty)
def test_no_name_adds_a_header(name: str, number: str) -> None:
    customer = Customer(subject="x", email="x@example.com", name=name)
    data = OrderPlaced(**{**samples.summary(), "customer": customer, "number": number})
    mail = notifications().compose(samples.event(data, 1))
    content = mail.to_bytes()
    message = email.message_from_bytes(content, _class=EmailMessage, policy=email.policy.SMTP)
    assert message.keys() == HEADERS
    assert [address.addr_spec for address in message["To"].addresses] == ["x@example.com"]
    assert content.isascii()


@given(nasty)
def test_whatever_is_taken_as_an_address_is_one(text: str) -> None:
    try:
        address = parse(text)
    except NotAnAddressError:
        return
    assert address.addr_spec.isascii()
    assert address.addr_spec.count("@") == 1
    assert not any(character.isspace() or character in '<>,;:"' for character in address.addr_spec)


@pytest.mark.parametrize(
    "text",
    [
        "zoe@example.com", "zoe.muller+shop@mail.example.co.uk", "o'neil@example.com", "a@b",
        "z_@xn--mller-kva.example",
    ],
)  # fmt: skip
def test_addresses_that_people_have_are_taken(text: str) -> None:
    assert parse(text).addr_spec == text


def test_a_domain_in_another_script_is_written_as_dns_knows_it() -> None:
    assert parse("zoe@müller.example").addr_spec == "zoe@xn--mller-kva.example"


@pytest.mark.parametrize(
    "text",
    [
        "", "@", "zoe", "zoe@", "@example.com", "zoe@-example.com", "zoe@example..com", ".zoe@example.com",
        "zoe.@example.com", "zoe@example.com\r\nRCPT TO:<x@y>", "zoe müller@example.com", "zoë@example.com",
        "a" * 65 + "@example.com", "zoe@" + "a" * 64 + ".com", "zoe@example.com,x@example.com", '"a b"@example.com',
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(NotAnAddressError) as caught:
        parse(text)
    assert not text.strip() or text not in str(caught.value) or len(text) < 2


def test_what_turns_the_direction_of_writing_is_left_out() -> None:
    assert one_line("Zoë\u202e Müller\u200f\r\n\tBcc:") == "Zoë Müller Bcc:"


def test_a_long_name_is_folded() -> None:
    mail = Mail(
        message_id="<a@b>",
        sender=parse("shop@example.com", "Shop"),
        recipient=parse("zoe@example.com", "Zoë " * 60),
        subject="S " * 200,
        text="",
        html="",
        written_at=samples.summary()["placed_at"],
    )
    head = mail.to_bytes().partition(b"\r\n\r\n")[0]
    assert all(len(line) <= 78 for line in head.split(b"\r\n"))
