"""A mail as mail servers take it (RFC 5322, MIME).

Everything in it follows from the event, also date and boundary: however often an event is delivered, its mail is the
same to the byte, and a mailbox that knows the Message-ID shows it once.
"""

import email.policy
import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from uuid import UUID

from notification_service.mail.addresses import header_text


@dataclass(frozen=True)
class Mail:
    """A mail and its envelope."""

    message_id: str
    sender: Address
    recipient: Address
    subject: str
    text: str
    html: str
    written_at: datetime

    def to_bytes(self) -> bytes:
        """The message with CRLF line ends, in ASCII: every server takes it."""
        message = EmailMessage(policy=email.policy.SMTP)
        message["Date"] = format_datetime(self.written_at)
        message["From"] = self.sender
        message["To"] = self.recipient
        message["Subject"] = header_text(self.subject)
        message["Message-ID"] = self.message_id
        # RFC 3834: nobody's out-of-office note answers it.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.text, cte="quoted-printable")
        message.add_alternative(self.html, subtype="html", cte="quoted-printable")
        message.set_boundary(f"=_{hashlib.sha256(self.message_id.encode()).hexdigest()[:32]}")
        return message.as_bytes()


def message_id(event_type: str, order_id: UUID, version: int, sender: Address) -> str:
    """The Message-ID of the mail about what happened to an order when it came to `version`.

    It does not depend on the event's id: an event that is told again under another id is the same news.
    """
    return f"<{event_type}.{order_id}.{version}@{sender.domain}>"
