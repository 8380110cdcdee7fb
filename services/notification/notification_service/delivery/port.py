"""What a mail server is to this service."""

from typing import Protocol

from notification_service.mail.message import Mail


class RefusedError(Exception):
    """There is no such mailbox, now or later. The message holds codes, nothing of the mail."""


class NotTakenError(Exception):
    """The mail server works but does not take this mail, at least not now. The message holds codes, nothing else."""


class MailServer(Protocol):
    """Takes mails. Every method ends within a bounded time."""

    async def deliver(self, mail: Mail) -> None:
        """Hand `mail` over. Returns when the server has taken responsibility for it.

        Raises:
            RefusedError: nobody can get this mail.
            NotTakenError: perhaps later, perhaps when somebody has mended something.
            ExternalUnavailableError: the server is away, or does not work; it may have taken the mail.
        """

    async def check(self) -> None:
        """Find out whether mails would be taken now, without one.

        Raises:
            ExternalUnavailableError: they would not.
        """
