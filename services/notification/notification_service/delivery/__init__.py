"""Handing mails to a mail server."""

from notification_service.delivery.port import MailServer, NotTakenError, RefusedError

__all__ = ["MailServer", "NotTakenError", "RefusedError"]
