"""The mails, for programs and for people."""

from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query
from starlette.responses import HTMLResponse, Response

from storefront_standins.mail.mailbox import Mail, Mailbox
from storefront_standins.pages import page
from storefront_standins.schemas import Model

_LISTED = 200


class MailSummary(Model):
    """One mail without its body."""

    id: int
    message_id: str
    """With its angle brackets, as in the header; empty when there was none."""
    sender: str
    to: list[str]
    subject: str
    repetition: bool
    """Whether an earlier mail had the same Message-ID."""
    received_at: datetime


class MailView(MailSummary):
    """One mail."""

    text: str | None
    html: str | None
    source: str


class MailList(Model):
    """Mails, the newest first; `total` counts the ones that match."""

    total: int
    items: list[MailSummary]


def router(mailbox: Mailbox) -> APIRouter:
    """The endpoints on `mailbox`."""
    router = APIRouter()

    @router.get("/api/messages")
    async def list_messages(
        message_id: Annotated[str | None, Query(alias="messageId")] = None,
        to: str | None = None,
        limit: Annotated[int, Query(ge=0, le=20_000)] = 1000,
    ) -> MailList:
        """List the mails with this Message-ID and recipient."""
        found = list(mailbox.search(message_id=message_id, to=to))
        return MailList(total=len(found), items=[_summary(mail) for mail in found[:limit]])

    @router.get("/api/messages/{mail_id}")
    async def show_message(mail_id: int) -> MailView:
        """Show one mail."""
        mail = _existing(mailbox, mail_id)
        return MailView(**dict(_summary(mail)), text=mail.text, html=mail.html, source=mail.source)

    @router.get("/api/messages/{mail_id}/html")
    async def html(mail_id: int) -> Response:
        """The HTML part as a document that can do nothing, wherever it is opened."""
        mail = _existing(mailbox, mail_id)
        if mail.html is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "This mail has no HTML part.")
        policy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
        return HTMLResponse(mail.html, headers={"Content-Security-Policy": policy})

    @router.delete("/api/messages", status_code=HTTPStatus.NO_CONTENT)
    async def clear() -> None:
        """Forget every mail."""
        mailbox.clear()

    @router.get("/", response_class=HTMLResponse)
    async def index(to: str = "") -> Response:
        """The page that lists the mails."""
        return page(
            "mail.html", messages=_newest(mailbox, to), to=to, total=len(mailbox), opened=None, view="html"
        )

    @router.get("/messages/{mail_id}", response_class=HTMLResponse)
    async def read(mail_id: int, to: str = "", view: Literal["html", "text", "source"] = "html") -> Response:
        """The same page with one mail open."""
        opened = _existing(mailbox, mail_id)
        return page(
            "mail.html", messages=_newest(mailbox, to), to=to, total=len(mailbox), opened=opened, view=view
        )

    return router


def _newest(mailbox: Mailbox, to: str) -> Iterator[Mail]:
    return islice(mailbox.search(to=to.strip()), _LISTED)


def _existing(mailbox: Mailbox, mail_id: int) -> Mail:
    mail = mailbox.find(mail_id)
    if mail is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no mail {mail_id}.")
    return mail


def _summary(mail: Mail) -> MailSummary:
    return MailSummary(
        id=mail.id,
        message_id=mail.message_id,
        sender=mail.sender,
        to=list(mail.to),
        subject=mail.subject,
        repetition=mail.repetition,
        received_at=mail.received_at,
    )
