"""A folder instead of a mail server: what would be sent can be looked at."""

import re
from pathlib import Path

from notification_service.mail.message import Mail

_NO_WORD = re.compile(r"[^a-z0-9]+")


class Folder:
    """Writes every mail as two files, `.html` and `.txt`; the latter begins with the headers as a server gets them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.mkdir(parents=True, exist_ok=True)
        self._mails = 0

    async def deliver(self, mail: Mail) -> None:
        """See MailServer.deliver; files are numbered and named after the subject."""
        self._mails += 1
        name = f"{self._mails:02d}-{_NO_WORD.sub('-', mail.subject.lower()).strip('-')}"
        headers = mail.to_bytes().partition(b"\r\n\r\n")[0].decode("ascii").replace("\r\n", "\n")
        (self._path / f"{name}.txt").write_text(f"{headers}\n\n{mail.text}", encoding="utf-8")
        (self._path / f"{name}.html").write_text(mail.html, encoding="utf-8")

    async def check(self) -> None:
        """See MailServer.check; it is always there."""
