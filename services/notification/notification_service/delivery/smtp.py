"""A mail server behind SMTP (RFC 5321)."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Iterator

import aiosmtplib
import stamina
from prometheus_client import Counter, Histogram
from storefront_common import telemetry
from storefront_common.external import CircuitBreaker, CircuitOpenError, ExternalUnavailableError
from storefront_common.external.breaker import State
from storefront_common.settings import SecretUnreadableError

from notification_service.delivery import replies
from notification_service.delivery.port import NotTakenError, RefusedError
from notification_service.mail.message import Mail
from notification_service.settings import SmtpSettings

SYSTEM = "mail"

_ATTEMPTS = Counter("mail_attempts_total", "Attempts to hand a mail to the mail server", ["outcome"])
_DURATION = Histogram(
    "mail_attempt_duration_seconds",
    "Seconds of one attempt",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0),
)

_GOODBYE_SECONDS = 1.0


class _AttemptError(Exception):
    """One attempt failed for a reason that speaks against the server."""

    def __init__(self, reason: str, *, may_have_happened: bool) -> None:
        super().__init__(reason)
        self.may_have_happened = may_have_happened


class SmtpServer:
    """The mail server that the settings name: time-outs, a second attempt and a circuit breaker around each mail.

    A mail may be handed over twice when the connection breaks at the wrong moment: both have one Message-ID. What a
    server says is not repeated in errors, for it often holds the recipient's address.
    """

    def __init__(self, settings: SmtpSettings, breaker: CircuitBreaker, own_name: str) -> None:
        """The server at `settings.host`.

        Args:
            own_name: how we introduce ourselves, such as the domain of our mails.
        """
        if settings.host is None:
            raise ValueError("SMTP_HOST is not set")
        self._settings = settings
        self._breaker = breaker
        self._own_name = own_name
        # Made once: it reads all the certificates that the system trusts.
        self._tls = None if settings.security == "none" else ssl.create_default_context()

    async def deliver(self, mail: Mail) -> None:
        """See MailServer.deliver."""
        deadline = asyncio.get_running_loop().time() + self._settings.total_timeout
        may_have_happened = False
        try:
            async for attempt in stamina.retry_context(
                on=_AttemptError,
                attempts=self._settings.attempts,
                timeout=self._settings.total_timeout,
                wait_initial=0.2,
                wait_max=2.0,
            ):
                with attempt:
                    try:
                        return await self._attempt(mail, deadline)
                    except _AttemptError as error:
                        may_have_happened |= error.may_have_happened
                        raise
        except _AttemptError as error:
            raise ExternalUnavailableError(SYSTEM, str(error), may_have_happened=may_have_happened) from None
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def check(self) -> None:
        """See MailServer.check. It asks as often as it takes to close the circuit, or for it to open again."""
        deadline = asyncio.get_running_loop().time() + self._settings.total_timeout
        try:
            while True:
                async with self._breaker, self._connected(deadline) as client:
                    with _explained("the greeting", any_reply=True):
                        await client.noop()
                if self._breaker.state is State.CLOSED:
                    return
        except _AttemptError as error:
            raise ExternalUnavailableError(SYSTEM, str(error), may_have_happened=False) from None

    async def _attempt(self, mail: Mail, deadline: float) -> None:
        started = time.perf_counter()
        outcome = "cancelled"
        try:
            # Inside of the circuit, only what speaks against the server is raised.
            async with self._breaker:
                with telemetry.client_span(SYSTEM, "SMTP", ""):
                    async with self._connected(deadline) as client:
                        refusal = await _hand_over(client, mail)
            if refusal is None:
                outcome = "sent"
            else:
                outcome = "refused" if isinstance(refusal, RefusedError) else "not_taken"
                raise refusal
        except CircuitOpenError:
            outcome = "circuit_open"
            raise
        except _AttemptError:
            outcome = "failed"
            raise
        finally:
            _ATTEMPTS.labels(outcome).inc()
            _DURATION.observe(time.perf_counter() - started)

    @contextlib.asynccontextmanager
    async def _connected(self, deadline: float) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection after encryption and login; after the deadline it is cut."""
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=self._tls,
            local_hostname=self._own_name,
            timeout=settings.command_timeout,
        )
        try:
            async with asyncio.timeout_at(deadline):
                with _explained("connecting", any_reply=True):
                    await client.connect(timeout=settings.connect_timeout)
                with _explained("the login", any_reply=True):
                    login = settings.login()
                    if login is not None:
                        await client.login(*login)
                yield client
            # The mail is taken, or is not: what happens from here on changes nothing.
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=_GOODBYE_SECONDS)
        except TimeoutError:
            raise _AttemptError(
                f"not done within {settings.total_timeout:g} s", may_have_happened=True
            ) from None
        finally:
            client.close()


async def _hand_over(client: aiosmtplib.SMTP, mail: Mail) -> RefusedError | NotTakenError | None:
    """Send `mail`; a refusal that concerns it alone is returned, for it does not speak against the server."""
    try:
        with _explained("the sender"):
            await client.mail(mail.sender.addr_spec)
        with _explained("the recipient"):
            await client.rcpt(mail.recipient.addr_spec)
        with _explained("the mail", may_have_happened=True):
            await client.data(mail.to_bytes())
    except aiosmtplib.SMTPResponseException as reply:
        kind = RefusedError if replies.is_final(reply) else NotTakenError
        return kind(f"refused: {replies.codes(reply)}")
    return None


@contextlib.contextmanager
def _explained(step: str, *, may_have_happened: bool = False, any_reply: bool = False) -> Iterator[None]:
    """Raise what speaks against the server as _AttemptError, and let a reply that concerns one mail pass.

    The original errors are left out of it: they hold what the server said.

    Args:
        may_have_happened: whether a mail may be taken although no answer tells so.
        any_reply: every failure in this step speaks against the server.
    """
    try:
        yield
    except aiosmtplib.SMTPResponseException as reply:
        if any_reply or replies.is_about_the_server(reply):
            raise _AttemptError(f"{step}: {replies.codes(reply)}", may_have_happened=False) from None
        raise
    except (aiosmtplib.SMTPException, OSError, SecretUnreadableError) as error:
        raise _AttemptError(f"{step}: {type(error).__name__}", may_have_happened=may_have_happened) from None
