"""The email service that delivers nothing."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage

import httpx2
import pytest

from tests.services.standin_process import StandInProcess

STANDIN = "mail"


@pytest.fixture(autouse=True)
def _empty(client: httpx2.Client) -> None:
    client.delete("/api/messages").raise_for_status()


def _mail(message_id: str = "<order-1@shop.example>", to: str = "ada@example.com") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "shop@example.com", to, "Your café order"
    mail["Message-ID"] = message_id
    mail.set_content("Thank you, Ada.\n")
    mail.add_alternative("<h1>Thank you</h1><script>alert(1)</script>", subtype="html")
    return mail


def _send(standin: StandInProcess, mail: EmailMessage, *, timeout: float = 10) -> None:
    with smtplib.SMTP("127.0.0.1", standin.ports["smtpPort"], timeout=timeout) as smtp:
        smtp.send_message(mail)


def _total(client: httpx2.Client, **query: str) -> int:
    return int(client.get("/api/messages", params=query).json()["total"])


def test_keeps_what_it_is_sent(standin: StandInProcess, client: httpx2.Client) -> None:
    _send(standin, _mail())
    listed = client.get("/api/messages").json()
    assert listed["total"] == 1
    summary = listed["items"][0]
    assert summary["messageId"] == "<order-1@shop.example>"
    assert summary["to"] == ["ada@example.com"]
    assert summary["subject"] == "Your café order"
    mail = client.get(f"/api/messages/{summary['id']}").json()
    assert mail["text"] == "Thank you, Ada.\n"
    assert "<h1>Thank you</h1>" in mail["html"]


def test_finds_mails_by_message_id_and_recipient_and_marks_repetitions(
    standin: StandInProcess, client: httpx2.Client
) -> None:
    _send(standin, _mail())
    _send(standin, _mail())
    _send(standin, _mail("<order-2@shop.example>", "ben@example.com"))
    assert _total(client, messageId="order-1@shop.example") == 2
    assert _total(client, messageId="<order-2@shop.example>") == 1
    assert _total(client, to="BEN@example.com") == 1
    assert _total(client, to="ben@example.com", messageId="order-1@shop.example") == 0
    newest_first = [item["repetition"] for item in client.get("/api/messages").json()["items"]]
    assert newest_first == [False, True, False]


def test_takes_any_login(standin: StandInProcess, client: httpx2.Client) -> None:
    with smtplib.SMTP("127.0.0.1", standin.ports["smtpPort"], timeout=10) as smtp:
        smtp.login("anybody", "anything")
        smtp.send_message(_mail())
    assert _total(client) == 1


def test_shows_html_where_it_can_do_nothing(standin: StandInProcess, client: httpx2.Client) -> None:
    _send(standin, _mail())
    page = client.get(f"/messages/{client.get('/api/messages').json()['items'][0]['id']}")
    assert page.status_code == 200
    assert "<iframe sandbox " in page.text
    assert "<script>" not in page.text
    html = client.get(f"{page.url.path.replace('/messages', '/api/messages')}/html")
    assert html.headers["content-security-policy"].startswith("sandbox;")


def test_lists_the_mails_of_one_recipient_on_its_page(standin: StandInProcess, client: httpx2.Client) -> None:
    _send(standin, _mail())
    assert "Your café order" in client.get("/").text
    assert "Your café order" not in client.get("/", params={"to": "ben@example.com"}).text


@pytest.mark.parametrize(("fault", "code"), [("failRate", 451), ("rejectRate", 550)])
def test_refuses_when_told(standin: StandInProcess, client: httpx2.Client, fault: str, code: int) -> None:
    standin.faults(**{fault: 1})
    with pytest.raises(smtplib.SMTPDataError) as refusal:
        _send(standin, _mail())
    assert refusal.value.smtp_code == code
    assert _total(client) == 0


def test_takes_a_mail_and_drops_the_connection_when_told(
    standin: StandInProcess, client: httpx2.Client
) -> None:
    standin.faults(dropAfterEffectRate=1)
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
        _send(standin, _mail())
    assert _total(client) == 1


@pytest.mark.parametrize(("faults", "kept"), [({"delaySeconds": 60}, 0), ({"timeoutAfterEffectRate": 1}, 1)])
def test_keeps_a_client_waiting_when_told(
    standin: StandInProcess, client: httpx2.Client, faults: dict[str, float], kept: int
) -> None:
    standin.faults(**faults)
    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        _send(standin, _mail(), timeout=0.5)
    assert _total(client) == kept
