"""The SMTP side."""

import asyncio
from typing import cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from storefront_standins.faults import LONGEST_SILENCE, FaultSwitch
from storefront_standins.mail.faults import MailFaults
from storefront_standins.mail.mailbox import Mailbox

LARGEST = 10 * 1024 * 1024
"""Bytes of one mail."""


class _Handler:
    """Puts every mail into the mailbox, unless a fault is on."""

    def __init__(self, mailbox: Mailbox, faults: FaultSwitch[MailFaults]) -> None:
        self._mailbox = mailbox
        self._faults = faults

    # The name is aiosmtpd's.
    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if delay := self._faults.current.delay_seconds:
            self._faults.count("delay_seconds")
            await asyncio.sleep(delay)
        if self._faults.strikes("fail_rate"):
            return "451 4.3.0 A fault is switched on; try again"
        if self._faults.strikes("reject_rate"):
            return "550 5.7.1 A fault is switched on; refused"
        content = envelope.content
        assert isinstance(content, bytes)
        mail = self._mailbox.receive(envelope.mail_from or "", envelope.rcpt_tos, content)
        if self._faults.strikes("timeout_after_effect_rate"):
            await asyncio.sleep(LONGEST_SILENCE)
        if self._faults.strikes("drop_after_effect_rate"):
            # Aborted, not closed: nothing that is written after this reaches the client.
            cast(asyncio.Transport, server.transport).abort()
        return f"250 2.0.0 Kept as {mail.id}"


def _anybody(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
) -> AuthResult:
    return AuthResult(success=True)


async def listen(mailbox: Mailbox, faults: FaultSwitch[MailFaults], host: str, port: int) -> asyncio.Server:
    """Accept mail by SMTP from anybody, with any name and password or none; returns the server that listens."""

    def session() -> SMTP:
        return SMTP(
            _Handler(mailbox, faults),
            hostname="mail.standin",
            data_size_limit=LARGEST,
            enable_SMTPUTF8=True,
            authenticator=_anybody,
            auth_require_tls=False,
            # A shop's connection may idle between two mails.
            timeout=LONGEST_SILENCE + 30,
        )

    return await asyncio.get_running_loop().create_server(session, host if host != "::" else None, port)
