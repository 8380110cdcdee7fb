"""An SMTP server whose answers a test chooses."""

from __future__ import annotations

import asyncio
import ssl
from types import TracebackType

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class MailServer:
    """Listens on a free loopback port; used as an async context manager.

    `answers` maps a step (`MAIL`, `RCPT`, `DATA`) to what is answered there, and `delays` to how many seconds it
    takes; steps without an answer succeed at once. The delay `TAKEN` comes after a mail is taken. `asked` is set when
    the first step came.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        starttls: ssl.SSLContext | None = None,
        password: str | None = None,
    ) -> None:
        """
        Args:
            tls: encrypts from the first byte.
            starttls: is offered and required.
            password: of anybody, after STARTTLS; None: no login.
        """
        self.answers: dict[str, str] = {}
        self.delays: dict[str, float] = {}
        self.password = password
        self.mails: list[bytes] = []
        self.recipients: list[str] = []
        self.connections = 0
        self.asked = asyncio.Event()
        self.was_encrypted: list[bool] = []
        self._tls = tls
        self._starttls = starttls
        self._server: asyncio.Server | None = None
        self._sessions: list[SMTP] = []

    async def __aenter__(self) -> MailServer:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._session, "127.0.0.1", 0, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for session in self._sessions:
            if session.transport is not None:
                session.transport.abort()

    def _session(self) -> SMTP:
        self.connections += 1
        session = SMTP(
            self,
            hostname="mail.test",
            tls_context=self._starttls,
            require_starttls=self._starttls is not None,
            authenticator=self._authenticate if self.password is not None else None,
            auth_required=self.password is not None,
        )
        self._sessions.append(session)
        return session

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        return AuthResult(success=data.password == str(self.password).encode(), handled=False)

    async def _answer(self, step: str) -> str:
        self.asked.set()
        await asyncio.sleep(self.delays.get(step, 0))
        return self.answers.get(step, "250 2.0.0 OK")

    # The names are aiosmtpd's.
    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return await self._answer("MAIL")

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self._answer("RCPT")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer.replace("{address}", address)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = await self._answer("DATA")
        if answer.startswith("2"):
            assert isinstance(envelope.content, bytes)
            self.mails.append(envelope.content)
            self.recipients += envelope.rcpt_tos
            self.was_encrypted.append(session.ssl is not None or self._tls is not None)
            await asyncio.sleep(self.delays.get("TAKEN", 0))
        return answer
