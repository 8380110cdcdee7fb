"""What a mail server's reply means (RFC 5321, section 4.2; RFC 3463)."""

import re

import aiosmtplib

_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_POLICY = "5.7."
"""Not the mailbox is wrong: the server does not let us, and somebody has to change that."""
_ADDRESS_OR_MAILBOX = ("5.1.", "5.2.")
_NO_MAILBOX = frozenset({521, 550, 551, 552, 553, 556})
_CLOSING = 421


def codes(reply: aiosmtplib.SMTPResponseException) -> str:
    """The reply's codes, such as `550 5.1.1`. Its text is left out: it often holds the recipient's address."""
    return f"{reply.code} {_enhanced(reply)}".rstrip()


def is_about_the_server(reply: aiosmtplib.SMTPResponseException) -> bool:
    """Whether the server does not work, for any mail; only a recipient may be refused for a while by itself."""
    if isinstance(reply, aiosmtplib.SMTPRecipientRefused):
        return reply.code == _CLOSING
    return reply.code < 500


def is_final(reply: aiosmtplib.SMTPResponseException) -> bool:
    """Whether a refusal says that there is no such mailbox, or that it takes nothing."""
    enhanced = _enhanced(reply)
    if isinstance(reply, aiosmtplib.SMTPRecipientRefused):
        return reply.code in _NO_MAILBOX and not enhanced.startswith(_POLICY)
    # Some servers look for the mailbox only now. A refusal of the sender is about us.
    return isinstance(reply, aiosmtplib.SMTPDataError) and enhanced.startswith(_ADDRESS_OR_MAILBOX)


def _enhanced(reply: aiosmtplib.SMTPResponseException) -> str:
    found = _ENHANCED.match(str(reply.message))
    return found[1] if found else ""
