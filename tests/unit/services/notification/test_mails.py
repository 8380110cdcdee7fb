"""All mails, as they were looked at and found good; `make generate` rewrites them."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from notification_service import samples
from notification_service.delivery.folder import Folder
from notification_service.letters.wording import LETTERS
from notification_service.notifications import Notifications
from notification_service.settings import MailSettings, ShopSettings
from storefront_common.events import (
    CATALOGUE,
    CancellationReason,
    Customer,
    Event,
    Money,
    OrderCancelled,
    OrderPlaced,
    OrderSummary,
)

GOLDEN = Path(__file__).parent / "golden"
SHOP = ShopSettings(name="Storefront", url="https://shop.example.com")
MAIL = MailSettings(sender="shop@example.com")


def notifications(target: Any = None, shop: ShopSettings = SHOP, mail: MailSettings = MAIL) -> Notifications:
    return Notifications(target, shop, mail)


def order(**changes: Any) -> Event[OrderSummary]:
    """A placed order with these fields instead of the sample's."""
    return samples.event(OrderPlaced(**{**samples.summary(), **changes}), 1)


def parsed(event: Event[OrderSummary], **given: Any) -> EmailMessage:
    """The mail about `event` as a mail program reads it."""
    message = email.message_from_bytes(
        notifications(**given).compose(event).to_bytes(), _class=EmailMessage, policy=email.policy.SMTP
    )
    assert not message.defects
    return message


def part(message: EmailMessage, kind: str) -> str:
    """The text or the HTML of a mail."""
    found = message.get_body((kind,))
    assert found is not None
    text: str = found.get_content()
    return text


async def test_mails_are_as_they_were_found_good(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    for event in samples.events():
        await folder.deliver(notifications().compose(event))
    written = {file.name: file.read_text() for file in tmp_path.iterdir()}
    golden = {file.name: file.read_text() for file in GOLDEN.iterdir()}
    assert written == golden, "look at the mails (notification-service preview), then run `make generate`"


def test_there_is_a_sample_of_every_letter() -> None:
    told = [event.data for event in samples.events()]
    assert {type(data) for data in told} == set(LETTERS)
    assert {data.reason for data in told if isinstance(data, OrderCancelled)} == set(CancellationReason)


def test_every_order_event_that_customers_care_about_has_a_letter() -> None:
    assert {letter.type for letter in LETTERS} == {
        kind for kind, data in CATALOGUE.items() if issubclass(data, OrderSummary)
    }


def test_the_same_news_is_the_same_mail_to_the_byte() -> None:
    first = order()
    again = first.model_copy(update={"id": uuid4()})
    assert notifications().compose(first).to_bytes() == notifications().compose(again).to_bytes()


def test_other_news_has_another_message_id() -> None:
    events = samples.events()
    later = events[0].model_copy(update={"aggregateversion": 99})
    other = order(order_id=uuid4())
    identities = {notifications().compose(event).message_id for event in (*events, later, other)}
    assert len(identities) == len(events) + 2


def test_headers_say_who_writes_to_whom_and_that_it_is_a_machine() -> None:
    message = parsed(order())
    assert message["From"] == "Storefront <shop@example.com>"
    assert message["To"].addresses[0].display_name == "Zoë Müller"
    assert message["To"].addresses[0].addr_spec == "zoe.muller@example.com"
    assert message["Date"].datetime == order().time
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@example.com>")
    assert message.get_content_type() == "multipart/alternative"
    assert [each.get_content_type() for each in message.iter_parts()] == ["text/plain", "text/html"]


def test_the_whole_mail_is_ascii_in_short_lines() -> None:
    for event in samples.events():
        content = notifications().compose(event).to_bytes()
        assert content.isascii()
        assert all(len(line) <= 998 for line in content.split(b"\r\n"))
        assert b"\n" not in content.replace(b"\r\n", b"")


def test_a_name_of_the_sender_is_kept() -> None:
    message = parsed(order(), mail=MailSettings(sender="Orders <orders@shop.example.com>"))
    assert message["From"] == "Orders <orders@shop.example.com>"
    assert message["Message-ID"].endswith("@shop.example.com>")


def test_markup_in_what_people_wrote_is_only_text() -> None:
    tag = "<script>alert('x')</script>"
    summary = samples.summary()
    line = summary["lines"][0].model_copy(update={"name": tag})
    address = summary["shipping_address"].model_copy(update={"name": tag, "line1": tag, "city": tag})
    customer = Customer(subject="x", email="x@example.com", name=tag)
    message = parsed(
        order(lines=[line], shipping_address=address, customer=customer, number=tag),
        shop=ShopSettings(name=tag, url="https://shop.example.com"),
    )
    html = part(message, "html")
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 6
    assert tag in part(message, "plain")


@pytest.mark.parametrize("name", ["", "  ", "\u202e"])
def test_who_has_no_name_is_not_greeted(name: str) -> None:
    message = parsed(order(customer=Customer(subject="x", email="x@example.com", name=name)))
    assert "Hello" not in part(message, "plain")
    assert "Hello" not in part(message, "html")


def test_free_shipping_is_called_so() -> None:
    message = parsed(order(shipping=Money(amount=0)))
    assert "free" in part(message, "plain")
    assert "Free" in part(message, "html")


def test_links_lead_to_the_shop() -> None:
    for url in ("https://shop.example.com", "https://shop.example.com/"):
        message = parsed(order(), shop=ShopSettings(name="S", url=url))
        link = f"https://shop.example.com/orders/{samples.summary()['order_id']}"
        assert link in part(message, "plain")
        assert f'href="{link}"' in part(message, "html")
