"""The mails that were received, in memory."""

import email.policy
import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser

CAPACITY = 20_000
"""Mails that are kept; the oldest are forgotten."""


@dataclass(frozen=True)
class Mail:
    """One submission. A mail that was sent twice with one Message-ID is here twice; the later is a repetition."""

    id: int
    message_id: str
    sender: str
    to: tuple[str, ...]
    """The recipients of the envelope, not of the headers."""
    subject: str
    text: str | None
    html: str | None
    source: str
    repetition: bool
    received_at: datetime


class Mailbox:
    """Every mail that was received."""

    def __init__(self) -> None:
        self._mails: deque[Mail] = deque(maxlen=CAPACITY)
        self._numbers = itertools.count(1)
        self._seen: set[str] = set()

    def __len__(self) -> int:
        return len(self._mails)

    def receive(self, sender: str, recipients: Sequence[str], content: bytes) -> Mail:
        """Keep a mail as it came over the wire."""
        # The generic type of the parser cannot tell that this policy makes EmailMessages.
        message = BytesParser(EmailMessage, policy=email.policy.default).parsebytes(content)
        message_id = str(message.get("Message-ID", "")).strip()
        mail = Mail(
            id=next(self._numbers),
            message_id=message_id,
            sender=sender,
            to=tuple(recipients),
            subject=str(message.get("Subject", "")),
            text=_part(message, "plain"),
            html=_part(message, "html"),
            source=content.decode("utf-8", "replace"),
            repetition=message_id in self._seen,
            received_at=datetime.now(UTC),
        )
        if message_id:
            self._seen.add(message_id)
        self._mails.append(mail)
        return mail

    def find(self, mail_id: int) -> Mail | None:
        """The mail of this number, if it is kept."""
        return next((mail for mail in self._mails if mail.id == mail_id), None)

    def search(self, *, message_id: str | None = None, to: str | None = None) -> Iterator[Mail]:
        """The mails with this Message-ID (with or without its angle brackets) and recipient, the newest first."""
        wanted = f"<{message_id.strip('<>')}>" if message_id else None
        for mail in reversed(self._mails):
            if wanted is not None and mail.message_id != wanted:
                continue
            if to and to.lower() not in (recipient.lower() for recipient in mail.to):
                continue
            yield mail

    def clear(self) -> None:
        """Forget every mail."""
        self._mails.clear()
        self._seen.clear()


def _part(message: EmailMessage, kind: str) -> str | None:
    body = message.get_body((kind,))
    if not isinstance(body, EmailMessage):
        return None
    content = body.get_content()
    return content.replace("\r\n", "\n") if isinstance(content, str) else None
