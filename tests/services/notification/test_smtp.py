"""The SMTP adapter against a real SMTP server: what is sent, and what each refusal means."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from notification_service import samples
from notification_service.delivery import MailServer as Port
from notification_service.delivery import NotTakenError, RefusedError
from notification_service.delivery.folder import Folder
from notification_service.delivery.smtp import SmtpServer
from notification_service.mail.message import Mail
from notification_service.settings import SmtpSettings
from storefront_common.external import CircuitBreaker, CircuitOpenError, ExternalUnavailableError
from storefront_common.external.breaker import State

from tests.services.notification.mail_server import MailServer
from tests.services.tcp_proxy import TcpProxy
from tests.unit.services.notification.test_mails import notifications

RECIPIENT = "zoe.muller@example.com"


def mail() -> Mail:
    """One of the sample mails; it goes to RECIPIENT."""
    return notifications().compose(samples.events()[0])


def adapter(port: int, *, breaker: CircuitBreaker | None = None, **settings: Any) -> SmtpServer:
    """The adapter for a server on that port; impatient, without encryption, unless said otherwise."""
    given = {"security": "none", "command_timeout": 0.5, "connect_timeout": 0.5, "total_timeout": 3.0}
    chosen = SmtpSettings(host="127.0.0.1", port=port, **{**given, **settings})
    return SmtpServer(chosen, breaker or CircuitBreaker("mail", minimum_volume=100), "shop.example.com")


@pytest_asyncio.fixture
async def server() -> AsyncIterator[MailServer]:
    """A mail server that takes everything."""
    async with MailServer() as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key in one file, its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    encoding = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(private + made.public_bytes(encoding))
    return file


@pytest.fixture
def tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate that this process trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("kind", ["smtp", "folder"])
async def test_every_mail_server_takes_a_mail(kind: str, server: MailServer, tmp_path: Path) -> None:
    port: Port = adapter(server.port) if kind == "smtp" else Folder(tmp_path)
    await port.check()
    await port.deliver(mail())
    assert len(server.mails) == 1 if kind == "smtp" else len(list(tmp_path.iterdir())) == 2


async def test_the_mail_arrives_to_the_byte(server: MailServer) -> None:
    await adapter(server.port).deliver(mail())
    assert server.mails == [mail().to_bytes()]
    assert server.recipients == [RECIPIENT]
    assert server.connections == 1


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("RCPT", "550 5.1.1 <{address}> is unknown"), ("RCPT", "550 no such user"), ("RCPT", "552 5.2.2 full"),
        ("RCPT", "553 not allowed"), ("RCPT", "556 5.1.10 takes no mail"), ("DATA", "550 5.1.1 no such user"),
    ],
)  # fmt: skip
async def test_a_mailbox_that_does_not_exist_is_final(server: MailServer, step: str, answer: str) -> None:
    server.answers[step] = answer
    with pytest.raises(RefusedError) as caught:
        await adapter(server.port).deliver(mail())
    assert RECIPIENT not in str(caught.value)
    assert server.connections == 1


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("RCPT", "450 4.2.0 greylisted"), ("RCPT", "451 later"), ("RCPT", "550 5.7.1 relaying denied"),
        ("RCPT", "530 5.7.0 log in first"), ("MAIL", "550 5.7.1 not allowed"), ("MAIL", "553 5.1.8 not ours"),
        ("DATA", "554 5.6.0 looks like spam"), ("DATA", "552 too big"),
    ],
)  # fmt: skip
async def test_what_may_change_is_left_to_the_broker(server: MailServer, step: str, answer: str) -> None:
    server.answers[step] = answer
    breaker = CircuitBreaker("mail", minimum_volume=1)
    with pytest.raises(NotTakenError):
        await adapter(server.port, breaker=breaker).deliver(mail())
    assert server.connections == 1
    assert breaker.state is State.CLOSED


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("MAIL", "421 closing"),
        ("MAIL", "451 4.3.0 error"),
        ("RCPT", "421 closing"),
        ("DATA", "452 4.3.1 disk full"),
    ],
)
async def test_a_server_in_trouble_is_asked_again_once(server: MailServer, step: str, answer: str) -> None:
    server.answers[step] = answer
    with pytest.raises(ExternalUnavailableError) as caught:
        await adapter(server.port).deliver(mail())
    assert caught.value.may_have_happened is False
    assert server.connections == 2


async def test_a_second_attempt_may_succeed(server: MailServer) -> None:
    server.answers["DATA"] = "451 4.3.0 error"

    delivery = asyncio.create_task(adapter(server.port, attempts=5).deliver(mail()))
    await server.asked.wait()
    server.answers.clear()
    await delivery
    assert len(server.mails) == 1


async def test_nobody_listens() -> None:
    async with TcpProxy("127.0.0.1", 9) as closed:
        await closed.cut()
        with pytest.raises(ExternalUnavailableError) as caught:
            await adapter(closed.port).deliver(mail())
        assert caught.value.may_have_happened is False
        with pytest.raises(ExternalUnavailableError):
            await adapter(closed.port).check()


async def test_a_silent_server_is_left_in_time(server: MailServer) -> None:
    async with TcpProxy("127.0.0.1", server.port) as network:
        network.stall()
        started = time.monotonic()
        with pytest.raises(ExternalUnavailableError):
            await adapter(network.port).deliver(mail())
        assert time.monotonic() - started < 20


async def test_a_server_that_is_slow_at_every_step_is_left_in_time(server: MailServer) -> None:
    server.delays = dict.fromkeys(("MAIL", "RCPT", "DATA"), 0.4)
    breaker = CircuitBreaker("mail", minimum_volume=1)
    with pytest.raises(ExternalUnavailableError) as caught:
        await adapter(server.port, total_timeout=0.7, breaker=breaker).deliver(mail())
    assert caught.value.may_have_happened is True
    assert breaker.state is State.OPEN


async def test_a_mail_without_an_answer_may_have_been_taken(server: MailServer) -> None:
    server.delays["DATA"] = 1.0
    with pytest.raises(ExternalUnavailableError) as caught:
        await adapter(server.port, attempts=1).deliver(mail())
    assert caught.value.may_have_happened is True


async def test_the_circuit_opens_and_a_check_closes_it(server: MailServer) -> None:
    clock = [0.0]
    breaker = CircuitBreaker("mail", minimum_volume=2, open_seconds=10, clock=lambda: clock[0])
    port = adapter(server.port, breaker=breaker)
    server.answers["MAIL"] = "421 closing"
    with pytest.raises(ExternalUnavailableError):
        await port.deliver(mail())
    assert breaker.state is State.OPEN
    asked = server.connections
    for call in (port.deliver(mail()), port.check()):
        with pytest.raises(CircuitOpenError):
            await call
    assert server.connections == asked
    server.answers.clear()
    clock[0] = 11.0
    await port.check()
    assert breaker.state is State.CLOSED
    await port.deliver(mail())
    assert len(server.mails) == 1


async def test_starttls_is_used(tls: ssl.SSLContext) -> None:
    async with MailServer(starttls=tls) as server:
        await adapter(server.port, security="starttls").deliver(mail())
        assert server.was_encrypted == [True]


async def test_tls_from_the_first_byte(tls: ssl.SSLContext) -> None:
    async with MailServer(tls=tls) as server:
        await adapter(server.port, security="tls").deliver(mail())
        assert server.was_encrypted == [True]


async def test_nothing_is_sent_in_the_clear_when_encryption_is_asked_for(server: MailServer) -> None:
    port = adapter(server.port, security="starttls")
    for call in (port.check(), port.deliver(mail())):
        with pytest.raises(ExternalUnavailableError):
            await call
    assert server.mails == []


async def test_a_certificate_that_nobody_trusts_is_refused(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with MailServer(starttls=tls) as server:
        with pytest.raises(ExternalUnavailableError):
            await adapter(server.port, security="starttls").deliver(mail())
        assert server.mails == []


async def test_the_login_follows_a_changed_password(tls: ssl.SSLContext, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("old")
    async with MailServer(starttls=tls, password="new") as server:
        port = adapter(server.port, security="starttls", user="shop", password_file=file)
        with pytest.raises(ExternalUnavailableError, match="login"):
            await port.check()
        file.write_text("new\n")
        await port.check()
        await port.deliver(mail())
        assert len(server.mails) == 1


async def test_a_missing_password_is_the_server_s_absence(server: MailServer, tmp_path: Path) -> None:
    port = adapter(server.port, user="shop", password_file=tmp_path / "missing")
    with pytest.raises(ExternalUnavailableError):
        await port.deliver(mail())
